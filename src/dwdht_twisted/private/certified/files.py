"""
The files of a member in their parts, each of which is read again on its own.

A part that can't be used keeps its former content in use, and doesn't hold up the others.
"""

from __future__ import annotations

from collections.abc import Callable
from os.path import abspath
from typing import Generic, TypeVar

from cryptography import x509
from OpenSSL import SSL
from twisted.logger import Logger

from ...errors import CannotUseCertificate, CannotUseKey
from .credentials import (
    Credentials,
    Identity,
    Source,
    fingerprint,
    idOf,
    isListOf,
    loadAuthorities,
    loadIdentity,
    loadLists,
    named,
)
from .trial import TrialFailed, tryHandshake

_Content = TypeVar("_Content")

_Authorities = list[x509.Certificate]
_Lists = list[x509.CertificateRevocationList] | None


class Part(Generic[_Content]):
    """
    Files that are read together.

    :param name: what they are, for the log
    :param load: reads the sources
    :ivar content: what is in use
    :ivar candidate: what was read last; the same as the content if nothing newer could be read
    """

    def __init__(
        self, name: str, sources: tuple[Source, ...], load: Callable[..., _Content]
    ) -> None:
        self._name = name
        self._load = load
        self._seen = fingerprint(sources)
        self.content: _Content = load(*sources)
        # The files are read again later, and the process may change its folder before.
        self._sources = tuple(map(_absolute, sources))
        self.candidate = self.content
        # Why the files can't be read, and why they can't be used.
        self._failure = ""
        self._reason = ""
        # What was logged of files that can't be used; None while they can.
        self._logged: tuple[str, tuple[object, ...]] | None = None

    def read(self) -> bool:
        """
        Read the files if they have changed, and each time while they can't be used.

        What is wrong may not show in the fingerprint, for example the mode of a file.

        :return: whether they were read, or it was tried
        """
        present = fingerprint(self._sources)
        if present == self._seen and not self._reason:
            return False
        self._seen, self._failure, self.candidate = present, "", self.content
        try:
            self.candidate = self._load(*self._sources)
        except (CannotUseCertificate, CannotUseKey) as error:
            self._failure = str(error)
        return True

    def settle(self, content: _Content, reason: str, log: Logger) -> None:
        """
        Decide what is used.

        :param content: the candidate, or the content
        :param reason: why the candidate isn't used; empty if it is
        """
        isNew = content is not self.content
        self.content = self.candidate = content
        self._reason = self._failure or reason
        if self._reason:
            if self._logged != (self._reason, self._seen):
                self._logged = self._reason, self._seen
                log.error(
                    "{reason}; the former {part} stay in use", reason=self._reason, part=self._name
                )
        elif self._logged is not None:
            self._logged = None
            log.info("recovered: the {part} can be used again", part=self._name)
        elif isNew:
            log.info("the {part} were read again", part=self._name)


class MemberFiles:
    """
    The files of a member.

    :raises CannotUseKey: when the private key can't be read or used
    :raises CannotUseCertificate: when another file can't be read or used, or they don't belong
        together; the message names the file
    """

    def __init__(
        self, identity: tuple[Source, Source], authority: Source, revocations: Source | None
    ) -> None:
        # Those that errors name: until they are read again, as they were given.
        self._sources = (identity[0], authority, revocations)
        self._own: Part[Identity] = Part("certificate and key", identity, loadIdentity)
        self._authorities: Part[_Authorities] = Part("authorities", (authority,), loadAuthorities)
        self._lists: Part[_Lists] | None = (
            None
            if revocations is None
            else Part[_Lists]("revocation lists", (revocations,), loadLists)
        )
        self.credentials = Credentials(
            self._own.content,
            self._authorities.content,
            None if self._lists is None else self._lists.content,
        )
        reason = self._whyUnusable(self.credentials) or self._whyApart(self.credentials)
        if reason:
            raise CannotUseCertificate(reason)
        self._sources = (
            _absolute(identity[0]),
            _absolute(authority),
            None if revocations is None else _absolute(revocations),
        )

    def refresh(self, log: Logger) -> bool:
        """
        Read the files that have changed.

        The authorities and the lists are used whatever the state of the node's own files is: they
        say who is not accepted any more.

        :return: whether the credentials are others
        """
        own, authorities, lists = self._own, self._authorities, self._lists
        read = [own.read(), authorities.read(), lists is not None and lists.read()]
        if not any(read):
            return False
        former = self.credentials
        judged, reason = self._judge()
        authorities.settle(
            judged.authorities,
            "" if judged.authorities is authorities.candidate else reason,
            log,
        )
        if lists is not None:
            lists.settle(
                judged.revocations, "" if judged.revocations is lists.candidate else reason, log
            )
        reason = self._whyUnusable(judged._replace(identity=own.candidate))
        own.settle(own.content if reason else own.candidate, reason, log)
        self.credentials = judged._replace(identity=own.content)
        return any(new is not old for new, old in zip(self.credentials, former, strict=True))

    def _judge(self) -> tuple[Credentials, str]:
        """
        The newest authorities and lists that belong together.

        :return: them with the identity in use, and why none of them are newer; empty if all are
        """
        former = self.credentials
        newest = former._replace(authorities=self._authorities.candidate)
        if self._lists is not None:
            newest = newest._replace(revocations=self._lists.candidate)
        reason = ""
        # The lists come first, because they revoke.
        for each in (
            newest,
            newest._replace(authorities=former.authorities),
            newest._replace(revocations=former.revocations),
        ):
            found = self._whyApart(each) or self._whyNoAuthority(each)
            if not found:
                return each, reason
            reason = reason or found
        return former, reason

    def _whyApart(self, credentials: Credentials) -> str:
        """Why lists are not of these authorities; empty if they are."""
        for each in credentials.revocations or ():
            if not any(isListOf(each, issuer) for issuer in credentials.authorities):
                return f"{named('revocation list', self._sources[2])} is of another authority"
        return ""

    def _whyNoAuthority(self, credentials: Credentials) -> str:
        """Why an authority can't be used by its members; empty if it can, or that can't be told."""
        for identity in (self._own.candidate, self._own.content):
            if credentials.accepts(identity.certificate):
                reason, isOfAuthority = self._try(credentials._replace(identity=identity))
                if isOfAuthority:
                    return reason
        try:
            # No handshake may have been possible.
            credentials.makeContext()
        except SSL.Error as error:
            return f"{named('authority', self._sources[1])} can't be used: {error}"
        return ""

    def _whyUnusable(self, credentials: Credentials) -> str:
        """Why the certificate of the node can't be used with these authorities; empty if it can."""
        certificate = credentials.identity.certificate
        if idOf(certificate) != idOf(self._own.content.certificate):
            return (
                "the certificate is of another key, and so of another id; it is used after a "
                "restart"
            )
        if not credentials.accepts(certificate):
            return (
                f"{named('certificate', self._sources[0])} was signed by another authority than "
                f"{named('authority', self._sources[1])}"
            )
        return self._try(credentials)[0]

    def _try(self, credentials: Credentials) -> tuple[str, bool]:
        """
        Make a handshake of the member with itself.

        :return: why it failed, empty if it did not; and whether an authority is to blame
        """
        certificate = named("certificate", self._sources[0])
        try:
            tryHandshake(credentials.makeContext())
        except TrialFailed as error:
            blamed = named("authority", self._sources[1]) if error.isOfAuthority else certificate
            return f"{blamed} {error}", error.isOfAuthority
        except SSL.Error as error:
            return f"{certificate} can't be used: {error}", False
        return "", False


def _absolute(source: Source) -> Source:
    return source if isinstance(source, bytes) else abspath(source)
