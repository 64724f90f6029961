"""The version that a reference means now: taken up anew when its alias moves."""

from netanomaly import output
from netanomaly.errors import OutsideError
from netanomaly.registry.reading import Reader
from netanomaly.scoring.choosing import Chosen, choose


class Champion:
    """What a reference means now. The registry is asked each time, at one read; a model is loaded when it is another."""

    def __init__(self, registry: Reader, reference: str) -> None:
        self._registry, self._reference = registry, reference
        self._chosen = choose(registry, reference)
        self._is_away = False

    @property
    def name(self) -> str:
        """Of the model."""
        return self._chosen.version.model

    def now(self) -> Chosen:
        """The model that scores now. While the registry does not answer, that is the one before: it is verified.

        Raises:
            InputError: There is no such version any more, it is deprecated, or its bytes are not what was registered.
        """
        before = self._chosen.version
        try:
            version = self._registry.chosen(self._reference)
            if version.number != before.number:
                self._chosen = Chosen(version, self._registry.load_version(version))
                output.tell(f"scored from here on by {version.model}:{version.number}")
        except OutsideError as error:
            if not self._is_away:
                output.tell(f"warning: the registry does not answer ({error}); {before.model}:{before.number} goes on")
            self._is_away = True
        else:
            self._is_away = False
        return self._chosen
