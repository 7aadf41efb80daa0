"""How many replicas there are, as Ray Serve is told; it runs them in `test_two_replicas`."""

from pathlib import Path

from undertone.app.replicas.deployment import DeploymentSettings, scaling_of


def test_a_fixed_number_is_not_scaled_and_a_range_is_scaled_by_the_slots_in_use() -> None:
    assert scaling_of(DeploymentSettings(Path("voice"), replicas=3, most_replicas=3)) == {"num_replicas": 3}
    for slots, target in ((8, 6.0), (1, 1.0)):
        scaling = scaling_of(DeploymentSettings(Path("voice"), replicas=2, most_replicas=6, slots=slots))
        assert scaling == {
            "autoscaling_config": {"min_replicas": 2, "max_replicas": 6, "target_ongoing_requests": target}
        }
