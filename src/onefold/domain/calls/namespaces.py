"""The namespaces under which calls name people, devices and accounts.

Source: Intilery contract, 11.1.
"""

from __future__ import annotations

from typing import Final

USER: Final = "userId"
ANONYMOUS: Final = "anonymousId"
DEVICE: Final = "deviceId"
GROUP: Final = "groupId"
EMAIL: Final = "Email"
"""The platform's own namespace of email addresses; in an account it finds, and does not link."""
