"""Who asks an S3 server: keys of the environment, a profile, the role of a service account, at last that of the machine.

A machine's role is had from an address that only clouds have. Elsewhere packets to it are often dropped and not refused:
so it is asked once, for a few seconds, and that nobody answers means that there are no credentials.
"""

import os

import urllib3
from minio.credentials.credentials import Credentials
from minio.credentials.providers import AWSConfigProvider, ChainedProvider, EnvAWSProvider, IamAwsProvider, Provider

from netanomaly.errors import StoreRefused, StoreUnavailable
from netanomaly.wording import reason

# Any of them says that there is a role to be had, and where.
_ROLES = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
# As Amazon's own clients have it.
_NO_MACHINE = "AWS_EC2_METADATA_DISABLED"
_MACHINE_ADDRESS = "http://169.254.169.254"
# Two requests at the most, of which the first is not answered.
_MACHINE = urllib3.Timeout(connect=1.0, read=2.0)


def provider(pool: urllib3.PoolManager, quick: urllib3.PoolManager) -> Provider:
    """What gives credentials for each request.

    Args:
        pool: Asks who gives the role of a service account.
        quick: Asks the machine; its time-outs are set here.
    """
    named = next((name for name in _ROLES if os.environ.get(name)), "")
    providers: list[Provider] = [EnvAWSProvider(), AWSConfigProvider()]
    if named:
        providers.append(_NamedRole(named, pool))
    elif os.environ.get(_NO_MACHINE, "").lower() != "true":
        quick.connection_pool_kw["timeout"] = _MACHINE
        providers.append(_MachineRole(quick))
    return ChainedProvider(providers)


class _NamedRole(IamAwsProvider):
    """A role that a variable of the environment names: it is to be had, or there is an error to tell."""

    def __init__(self, variable: str, pool: urllib3.PoolManager) -> None:
        super().__init__(http_client=pool)
        self._variable = variable

    def retrieve(self) -> Credentials:
        try:
            return super().retrieve()
        except (urllib3.exceptions.HTTPError, ConnectionError, TimeoutError) as error:
            raise StoreUnavailable(
                f"the role that {self._variable} names cannot be asked for ({reason(error)})"
            ) from None
        except (ValueError, OSError, KeyError) as error:
            raise StoreRefused(f"the role that {self._variable} names is not given ({reason(error)})") from None


class _MachineRole(IamAwsProvider):
    """The machine's role, where the machine has one."""

    def __init__(self, quick: urllib3.PoolManager) -> None:
        super().__init__(http_client=quick, custom_endpoint=_MACHINE_ADDRESS)

    def retrieve(self) -> Credentials:
        known = self._credentials is not None
        try:
            return super().retrieve()
        except (urllib3.exceptions.HTTPError, OSError, KeyError) as error:
            if known:
                raise StoreUnavailable(f"this machine's role cannot be renewed ({reason(error)})") from None
            # The chain takes this for having none.
            raise ValueError("this machine has no role") from None
