"""What goes wrong with a request to the stand-in."""

import re
from dataclasses import dataclass


@dataclass
class Fault:
    """What goes wrong with requests whose method and path match; `after` so many that went well, `times` in a row.

    `error` answers with a status and does nothing; `failed` does what is asked, and answers with the status;
    `lost` does it and breaks off; `late` does it and answers after `seconds`; `page` answers with a page to sign in on; `gateway` like a proxy whose server is gone;
    before `second` another asked for the same; `later` breaks off at once and does what is asked `seconds` after.
    """

    method: str
    path: str
    kind: str
    status: int = 500
    seconds: float = 0.0
    times: int = 1
    after: int = 0

    def strikes(self, method: str, path: str) -> bool:
        if method != self.method or not re.search(self.path, path) or not self.times:
            return False
        if self.after:
            self.after -= 1
            return False
        self.times -= 1
        return True
