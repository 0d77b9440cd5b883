"""One institution's part of a pass: first what must be gone, then withdrawals, and only then questions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from platform_api.consents.maintenance import maintain
from platform_api.consents.polling import poll
from platform_api.db.transactions import tenant
from platform_api.deliveries.queue import purge
from platform_api.four_information.model import Outcome
from platform_api.four_information.rules import DEFAULT_RULES, FetchRules
from platform_api.invitations.expiring import expire_all
from platform_api.jlis.gateway import GatewayRefused
from platform_api.refresh import store
from platform_api.refresh.asking import Asker
from platform_api.refresh.model import Answer
from platform_api.refresh.reach import Reach
from platform_api.refresh.reconcile import reconcile
from platform_api.refresh.report import InstitutionReport
from platform_api.refresh.retention import forget_ended
from revocation.errors import OutsideFailed

if TYPE_CHECKING:
    from uuid import UUID

    from platform_api.db.transactions import Pool
    from platform_api.jlis.gateway import Gateway
    from platform_api.registrations.watching import Watcher
    from revocation.clock import Clock


async def purge_deliveries(pool: Pool, report: InstitutionReport, clock: Clock) -> None:
    """What nobody took in time goes."""
    async with tenant(pool, report.institution_id) as connection:
        report.purged += len(await purge(connection, report.institution_id, clock.now()))


@dataclass(slots=True)
class Passing:
    """One pass, institution by institution. Every step may be cut off anywhere; the next pass goes on."""

    pool: Pool
    watcher: Watcher
    gateway: Gateway
    reach: Reach = field(default_factory=Reach)
    stopped: Callable[[], bool] = lambda: False
    rules: FetchRules = DEFAULT_RULES
    #: By which code J-LIS is asked for an institution's withdrawals: its id, unless a setting says another.
    provider_code: Callable[[UUID], str] = str

    async def institution(
        self, institution_id: UUID, report: InstitutionReport | None = None
    ) -> InstitutionReport:
        """``report``: goes on with it, where the pass has begun one."""
        clock = self.watcher.clock
        report = InstitutionReport(institution_id) if report is None else report
        await purge_deliveries(self.pool, report, clock)
        await self._poll(institution_id, report)
        await self._maintain(institution_id, report)
        report.consent_steps += await expire_all(self.pool, institution_id, clock.now())
        async with tenant(self.pool, institution_id) as connection:
            policies = await store.policies(connection)
        for stored in policies:
            if self.stopped():
                break
            await reconcile(self.pool, institution_id, stored, clock, report, stopped=self.stopped)
            if not stored.policy.enabled:
                continue
            asker = Asker(
                self.pool,
                self.watcher,
                self.gateway,
                institution_id,
                stored,
                report,
                self.reach,
                self.stopped,
                self.rules,
            )
            await asker.ask_due()
        await forget_ended(self.pool, institution_id, clock, stopped=self.stopped)
        return report

    async def _poll(self, institution_id: UUID, report: InstitutionReport) -> None:
        """Whether the last one is recent enough is looked at before each batch of questions."""
        if self.reach.away is not None or self.stopped():
            return
        try:
            code = self.provider_code(institution_id)
            found = await poll(self.pool, self.gateway, institution_id, code, self.watcher.clock)
        except OutsideFailed as failed:
            self.reach.tell(Answer(Outcome.TEMPORARY, failed.code, reached=False))
        except GatewayRefused as refused:
            report.problem(refused.code)
        else:
            self.reach.in_a_row = 0
            report.withdrawals = found.ended

    async def _maintain(self, institution_id: UUID, report: InstitutionReport) -> None:
        if self.stopped():
            return
        gateway = None if self.reach.away is not None else self.gateway
        report.maintained(await maintain(self.pool, institution_id, self.watcher.clock, gateway=gateway))
