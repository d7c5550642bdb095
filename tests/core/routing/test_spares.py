"""
Spares: contacts that answered when their bucket was full, and wait for a contact to fail.
"""

from __future__ import annotations

from random import Random

from dwdht_twisted._core.limits.bounds import CONTACTS_PER_HOST
from dwdht_twisted._core.routing import K, RoutingTable
from dwdht_twisted._core.routing.bounds import SPARES_PER_BUCKET
from dwdht_twisted._core.wire import Contact
from tests.helpers.core.tables import OWN, TableTestCase, far, idOf

#: The seeds of the drawn bursts.
SEEDS = range(200)

#: The outcomes of a ping to a spare that leave its place free.
USELESS = ("dead", "restarted", "ephemeral", "refused")


class UselessSparesTests(TableTestCase):
    """
    Full buckets whose contacts and spares fail, drawn from a seed.
    """

    def ping(self, contact: Contact | None, outcomes: dict[Contact, str]) -> list[Contact]:
        """
        Ping a contact, and each further one that the table wants pinged.

        :param outcomes: for each contact that isn't alive, what becomes of its ping
        :return: the pinged contacts, in order
        """
        pinged: list[Contact] = []
        while contact is not None:
            self.assertNotIn(contact, pinged)
            pinged.append(contact)
            outcome = outcomes.get(contact, "alive")
            if outcome == "dead":
                contact = self.table.failed(contact.address, 2.0)
            elif outcome == "restarted":
                contact = self.table.answered(contact._replace(id=idOf(len(pinged), 9)), 2.0)
            elif outcome == "ephemeral":
                contact = self.table.answered(contact._replace(id=None), 2.0)
            else:
                contact = self.table.answered(contact, 2.0)
        return pinged

    def test_everySpareIsTriedUntilOneAnswers(self) -> None:
        """
        When contacts of a full bucket fail, its spares are pinged, the latest first, until the free
        places are taken or no spare is left, whatever becomes of each ping.
        """
        for seed in SEEDS:
            random = Random(seed)
            self.table = RoutingTable(OWN)
            contacts = self.fill()
            spares = [far(K + number) for number in range(random.randint(1, SPARES_PER_BUCKET))]
            outcomes = {each: random.choice(USELESS) for each in spares if random.random() < 0.6}
            for number, each in enumerate(spares):
                if outcomes.get(each) == "refused":
                    spares[number] = refused = each._replace(host="20.0.0.1")
                    outcomes[refused] = outcomes.pop(each)
                self.table.answered(spares[number], 1.0)
            # The public host of the refused spares has all its contacts in another bucket.
            for number in range(CONTACTS_PER_HOST):
                self.table.answered(Contact(idOf(number, 5), "20.0.0.1", 1 + number), 1.0)
            free = random.randint(1, 3)
            pinged: list[Contact] = []
            for contact in contacts[:free]:
                pinged += self.ping(self.table.failed(contact.address, 2.0), outcomes)
            alive = [each for each in reversed(spares) if each not in outcomes]
            listed = [each for each in self.table.contacts() if each in spares]
            self.assertEqual(set(listed), set(alive[:free]), f"seed {seed}")
            self.assertEqual(pinged, spares[::-1][: len(pinged)], f"seed {seed}")
            if len(alive) < free:
                self.assertEqual(len(pinged), len(spares), f"seed {seed}")

    def test_restartedContactLeavesItsPlaceToASpare(self) -> None:
        """When a contact answers under an id of another bucket, a spare is pinged."""
        contacts = self.fill()
        self.table.answered(far(K), 1.0)
        restarted = contacts[3]._replace(id=idOf(1, 9))
        self.assertEqual(self.table.answered(restarted, 2.0), far(K))
        self.assertIsNone(self.table.answered(far(K), 2.0))
        self.assertIn(far(K), self.table.contacts())
