"""What prepare tells the register stage."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Where the model is registered, and under which names.

    Attributes:
        registry: URI of the registry.
        model_name: The model's name in the registry.
        run_id: With the task's name, what makes a retry the same registration.
        aliases: Further names for the new version; whether it becomes champion is for the decision to say.
    """

    registry: str
    model_name: str
    run_id: str
    aliases: list[str]
