"""Tests of the parts, on a cluster: probes, tasks, alerts, the first decision.

FUSELINE_TEST_TOPOLOGY=cluster (or sentinel) runs all that take the fixture `redis_url` there.
"""

import pytest

from tests.alerts import conftest as alert_fixtures
from tests.alerts import test_notices
from tests.archive import test_transfer
from tests.bridge import conftest as bridge_fixtures
from tests.bridge import test_first_decision, test_probes, test_tasks
from tests.ha.topology import ClusterTopology

callee, manager = bridge_fixtures.callee, bridge_fixtures.manager
client, other = test_tasks.client, test_transfer.other
alerts, receiver = alert_fixtures.alerts, alert_fixtures.receiver


@pytest.fixture
def redis_url(cluster: ClusterTopology) -> str:
    """Where the tests below find the namespace."""
    return cluster.url


test_probes_are_exact = test_probes.test_no_more_than_the_limit_of_one_process_s_burst_gets_through
test_the_first_decision = (
    test_first_decision.test_a_new_process_sees_what_no_projector_has_folded_yet
)
test_a_task = test_tasks.test_a_task_is_called_and_its_result_comes
test_an_alert = test_notices.test_a_circuit_that_opens_and_closes_is_told_of_once_each
test_a_transfer = test_transfer.test_everything_comes_back_as_it_was_and_goes_on
