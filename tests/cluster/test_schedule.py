"""`netanomaly schedule`: one schedule of a name, changed when something changed, and only then."""

import json
from datetime import UTC, datetime

import pytest

from tests.cluster.faults import Fault


def entries(standin):
    return [item["trigger"]["cron_schedule"]["cron"] for item in standin.recurring.values()]


def test_a_schedule_is_made_with_the_seconds_that_the_server_wants(standin, configuration, command):
    ended = command("schedule", configuration, "--cron", "0 3 * * *")
    assert ended.code == 0, ended.stderr
    assert "office created" in ended.stdout
    assert "03:00:00+00:00" in ended.stdout
    (recurring,) = standin.recurring.values()
    assert recurring["trigger"] == {"cron_schedule": {"cron": "0 0 3 * * *"}}
    assert (recurring["display_name"], recurring["status"]) == ("office", "ENABLED")
    assert (recurring["max_concurrency"], recurring["no_catchup"]) == ("1", True)
    assert recurring["runtime_config"]["parameters"]["configuration"]["model_name"] == "office"


def test_the_same_again_changes_nothing(standin, configuration, here):
    def again():
        return here("schedule", configuration, "--cron", "0 3 * * *", "--json").json

    first, second = again(), again()
    assert (first["state"], second["state"]) == ("created", "unchanged")
    assert first["recurring_runs"] == second["recurring_runs"]
    assert standin.requests("POST", "/recurringruns") == 1


@pytest.mark.parametrize(
    "change",
    [
        ["--cron", "30 3 * * *"],
        ["--cron", "0 3 * * *", "--set", "alert_budget=0.001"],
        ["--cron", "0 3 * * *", "--image-prefix", "registry.example.org/team"],
        ["--cron", "0 3 * * *", "--experiment", "another", "--create-experiment"],
        ["--cron", "0 3 * * *", "--timezone", "Asia/Tokyo"],
        ["--cron", "0 3 * * *", "--no-cache"],
    ],
)
def test_a_change_of_time_configuration_version_or_place_replaces_it(standin, configuration, here, change):
    here("schedule", configuration, "--cron", "0 3 * * *")
    (before,) = standin.recurring
    ended = here("schedule", configuration, *change, "--json")
    assert ended.json["state"] == "replaced"
    (after,) = standin.recurring
    assert before != after


def test_no_plug_in_is_told_of_a_schedule(standin, configuration, here):
    """Of a recurring run that has `plugins_input`, 2.17.0 makes runs without parameters: of the pipeline's example."""
    refused = here("schedule", configuration, "--cron", "0 3 * * *", "--mlflow-experiment", "traffic")
    assert refused.code == 2
    here("schedule", configuration, "--cron", "0 3 * * *")
    (recurring,) = standin.recurring.values()
    assert "plugins_input" not in recurring
    assert recurring["runtime_config"]["parameters"]


def test_a_configuration_with_tuning_is_scheduled_as_the_tuned_form(standin, configuration, here):
    wanted = ("schedule", configuration, "--cron", "0 3 * * *", "--json")
    block = ("--set", 'tuning={"trials": 8}')
    assert here(*wanted, *block).json["state"] == "created"
    assert here(*wanted, *block).json["state"] == "unchanged"
    (recurring,) = standin.recurring.values()
    assert recurring["runtime_config"]["parameters"]["configuration"]["tuning"] == {"trials": 8}
    pipeline = standin.pipelines[recurring["pipeline_version_reference"]["pipeline_id"]]
    assert pipeline["name"] == "netanomaly-training-tuned"
    ended = here("schedule", configuration, "--cron", "0 3 * * *", "--set", 'tuning={"trials": 0}')
    assert (ended.code, "'tuning.trials' is 0" in ended.last_line) == (2, True)


def test_doubles_that_someone_else_made_are_reduced_to_one(standin, configuration, here):
    here("schedule", configuration, "--cron", "0 3 * * *")
    (made,) = standin.recurring.values()
    standin.create_recurring({}, made)
    standin.create_recurring({}, {**made, "description": "by hand"})
    assert here("schedule", configuration, "--cron", "0 3 * * *", "--json").json["state"] == "replaced"
    assert len(standin.recurring) == 1


def test_schedules_of_other_names_and_pipelines_are_left_alone(standin, configuration, here):
    here("schedule", configuration, "--cron", "0 3 * * *")
    (made,) = standin.recurring.values()
    reference = {"pipeline_id": "0", "pipeline_version_id": "0"}
    theirs = standin.create_recurring({}, {**made, "pipeline_version_reference": reference})
    here("schedule", configuration, "--cron", "0 4 * * *", "--name", "weekly")
    assert len(standin.recurring) == 3
    here("schedule", configuration, "--remove")
    left = {item["recurring_run_id"]: item["display_name"] for item in standin.recurring.values()}
    assert sorted(left.values()) == ["office", "weekly"]
    assert theirs["recurring_run_id"] in left


def test_a_schedule_is_found_behind_more_than_a_page_of_others(standin, configuration, here):
    here("schedule", configuration, "--cron", "0 3 * * *")
    (made,) = standin.recurring.values()
    others = [standin.create_recurring({}, {**made, "display_name": f"other {number}"}) for number in range(150)]
    standin.recurring = {item["recurring_run_id"]: item for item in (*others, made)}
    assert here("schedule", configuration, "--cron", "0 3 * * *", "--json").json["state"] == "unchanged"
    assert len(here("schedule", "--list", "--json").json) == 151


def test_one_that_was_switched_off_on_the_server_stays_off_and_is_told(standin, configuration, here):
    here("schedule", configuration, "--cron", "0 3 * * *")
    (key,) = standin.recurring
    standin.switch_recurring({}, {}, key, "disable")
    ended = here("schedule", configuration, "--cron", "0 3 * * *")
    assert ended.code == 0
    assert "office is switched off on the server" in ended.last_line
    assert standin.recurring[key]["status"] == "DISABLED"


def test_a_zone_that_changes_its_clocks_is_one_entry_for_each_period(standin, configuration, here):
    """The server runs by UTC: three o'clock in Berlin is two in winter there, and one in summer."""
    ended = here("schedule", configuration, "--cron", "0 3 * * *", "--timezone", "Europe/Berlin", "--json")
    found = [item["trigger"]["cron_schedule"] for item in standin.recurring.values()]
    assert {item["cron"] for item in found} == {"0 0 1 * * *", "0 0 2 * * *"}
    assert "start_time" not in found[0]
    assert "end_time" not in found[-1]
    assert [item["end_time"] for item in found[:-1]] == [item["start_time"] for item in found[1:]]
    assert all(moment.endswith(("T03:00:00+01:00", "T03:00:00+02:00")) for moment in ended.json["next"])
    again = here("schedule", configuration, "--cron", "0 3 * * *", "--timezone", "Europe/Berlin", "--json")
    assert again.json["state"] == "unchanged"


def test_a_server_that_runs_by_the_zone_needs_one_entry(standin, configuration, here):
    zones = ["--timezone", "Europe/Berlin", "--server-timezone", "Europe/Berlin"]
    assert here("schedule", configuration, "--cron", "0 3 * * *", *zones).code == 0
    assert entries(standin) == ["0 0 3 * * *"]


def test_a_dry_run_says_what_would_be_done_and_does_nothing(standin, configuration, here):
    ended = here("schedule", configuration, "--cron", "0 3 * * *", "--dry-run")
    assert "office would be created" in ended.stdout
    assert standin.requests("POST", "") == 0
    here("schedule", configuration, "--cron", "0 3 * * *")
    assert "office unchanged" in here("schedule", configuration, "--cron", "0 3 * * *", "--dry-run").stdout
    assert "office would be replaced" in here("schedule", configuration, "--cron", "0 4 * * *", "--dry-run").stdout
    assert "office would be removed" in here("schedule", configuration, "--remove", "--dry-run").stdout
    assert entries(standin) == ["0 0 3 * * *"]


def test_schedules_are_listed_with_the_times_that_people_gave(standin, configuration, here):
    assert "no schedule yet" in here("schedule", "--list").stdout
    here("schedule", configuration, "--cron", "30 2 * * mon-fri", "--timezone", "Asia/Kolkata")
    shown = here("schedule", "--list").stdout
    for text in ("office", "30 2 * * mon-fri", "Asia/Kolkata", "0 0 21 * * 0,1,2,3,4", "on"):
        assert text in shown
    (listed,) = here("schedule", "--list", "--json").json
    assert (listed["name"], listed["cron"], listed["timezone"]) == ("office", "30 2 * * mon-fri", "Asia/Kolkata")


def test_a_schedule_is_removed_by_configuration_or_name_and_removing_it_again_is_no_error(standin, configuration, here):
    here("schedule", configuration, "--cron", "0 3 * * *", "--timezone", "Europe/Berlin")
    assert "office removed" in here("schedule", "--remove", "--name", "office").stdout
    assert standin.recurring == {}
    ended = here("schedule", configuration, "--remove", "--json")
    assert (ended.code, ended.json["state"]) == (0, "absent")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--cron", "every night"], "has 2 fields; write five"),
        (["--cron", "0 0 3 * * *"], "has six fields; leave out the seconds"),
        (["--cron", "0 25 * * *"], "(hour): '25' is not 0 to 23"),
        (["--cron", "0 3 31 2 *"], "never fires"),
        (["--cron", "0 3 * * *", "--timezone", "Europe/Berln"], "did you mean 'Europe/Berlin'"),
        (["--cron", "0 3 1 * *", "--timezone", "Asia/Tokyo"], "cannot be said by the server's clock"),
        (["--cron", "0 3 * * *", "--name", "n" * 101], "--name has 101 characters"),
        (["--cron", "0 3 * * *", "--set", "data_source=flows.csv"], "no pod"),
        ([], "give a configuration and --cron"),
    ],
)
def test_what_cannot_be_a_schedule_is_refused_without_the_server(standin, configuration, here, arguments, words):
    ended = here("schedule", configuration, *arguments)
    assert ended.code == 2
    assert words in ended.last_line
    assert standin.seen == []


def test_the_next_times_are_those_of_the_zone(standin, configuration, here):
    ended = here("schedule", configuration, "--cron", "*/20 9 * * 1-5", "--timezone", "America/New_York", "--json")
    moments = [datetime.fromisoformat(text) for text in ended.json["next"]]
    assert all(moment > datetime.now(UTC) for moment in moments)
    assert [(moment.hour, moment.minute) for moment in moments] == [(9, 0), (9, 20), (9, 40)]
    assert all(moment.isoweekday() <= 5 for moment in moments)
    assert json.dumps(ended.json["next"]) == json.dumps(sorted(ended.json["next"]))


def fired(standin):
    """The one recurring run's run, which is going."""
    (key,) = standin.recurring
    run = standin.fire(key)
    for _ in range(4):
        run.take_step()
    return run


def end(run):
    while not run.ended:
        run.take_step()


def test_removing_a_schedule_lets_its_run_end_and_the_same_command_again_removes_it(standin, configuration, here):
    """Kubernetes deletes a run's workflow with the recurring run that it belongs to."""
    here("schedule", configuration, "--cron", "0 3 * * *")
    run = fired(standin)
    ended = here("schedule", configuration, "--remove")
    assert ended.code == 0
    assert f"office switched off; run {run.id} goes on" in ended.stdout
    (left,) = standin.recurring.values()
    assert left["status"] == "DISABLED"
    document = here("schedule", configuration, "--remove", "--json").json
    assert (document["state"], document["left"][0]["runs"]) == ("switched off", [run.id])
    end(run)
    assert run.state == "SUCCEEDED"
    assert "office removed" in here("schedule", configuration, "--remove").stdout
    assert standin.recurring == {}


def test_a_replacement_never_kills_a_training_and_the_next_call_deletes_the_old_one(standin, configuration, here):
    here("schedule", configuration, "--cron", "0 3 * * *")
    run = fired(standin)
    first = here("schedule", configuration, "--cron", "0 4 * * *", "--json")
    assert (first.json["state"], first.json["left"][0]["runs"]) == ("replaced", [run.id])
    assert f"run {run.id} of the old schedule goes on to its end" in first.last_line
    assert {item["trigger"]["cron_schedule"]["cron"]: item["status"] for item in standin.recurring.values()} == {
        "0 0 3 * * *": "DISABLED",
        "0 0 4 * * *": "ENABLED",
    }
    assert here("schedule", configuration, "--cron", "0 4 * * *", "--json").json["state"] == "unchanged"
    end(run)
    assert run.state == "SUCCEEDED"
    assert here("schedule", configuration, "--cron", "0 4 * * *", "--json").json["left"] == []
    assert entries(standin) == ["0 0 4 * * *"]


def test_going_back_to_what_was_wanted_before_switches_it_on_again(standin, configuration, here):
    here("schedule", configuration, "--cron", "0 3 * * *")
    fired(standin)
    here("schedule", configuration, "--cron", "0 4 * * *")
    ended = here("schedule", configuration, "--cron", "0 3 * * *")
    assert ended.code == 0
    assert "switched off" not in ended.stderr
    (left,) = standin.recurring.values()
    assert (left["trigger"]["cron_schedule"]["cron"], left["status"]) == ("0 0 3 * * *", "ENABLED")


def test_now_cancels_the_run_and_removes_the_schedule(standin, configuration, here):
    here("schedule", configuration, "--cron", "0 3 * * *")
    run = fired(standin)
    # Time passes on the server.
    standin.on_list = lambda: run.take_step()
    assert "office removed" in here("schedule", configuration, "--remove", "--now").stdout
    assert (run.state, run.orphan) == ("FAILED", False)
    assert standin.recurring == {}
    assert here("schedule", configuration, "--cron", "0 3 * * *", "--now").code == 2


def test_a_run_that_will_not_end_is_told_and_its_schedule_left_switched_off(standin, configuration, here):
    here("schedule", configuration, "--cron", "0 3 * * *")
    run = fired(standin)
    ended = here("schedule", configuration, "--remove", "--now")
    assert ended.code == 3
    assert f"run {run.id} was canceled and has not ended" in ended.last_line
    (left,) = standin.recurring.values()
    assert left["status"] == "DISABLED"


def test_the_same_command_again_waits_for_the_run_that_it_canceled(standin, configuration, here):
    """A server cancels a run once, and refuses it of one that is being canceled or has ended."""
    here("schedule", configuration, "--cron", "0 3 * * *")
    run = fired(standin)
    assert here("schedule", configuration, "--remove", "--now").code == 3
    standin.on_list = lambda: run.take_step()
    ended = here("schedule", configuration, "--remove", "--now")
    assert ended.code == 0, ended.stderr
    assert (run.state, standin.recurring) == ("FAILED", {})


def test_a_run_whose_workflow_is_gone_keeps_no_schedule(standin, configuration, here):
    """It stays as it is for ever; there is nothing of it that a deletion could kill."""
    here("schedule", configuration, "--cron", "0 3 * * *")
    fired(standin).orphan = True
    ended = here("schedule", configuration, "--remove", "--now")
    assert ended.code == 0, ended.stderr
    assert standin.recurring == {}


def test_who_may_not_cancel_a_run_is_told_at_once(standin, configuration, here):
    here("schedule", configuration, "--cron", "0 3 * * *")
    fired(standin)
    standin.faults = [Fault("POST", ":terminate", "error", status=403)]
    ended = here("schedule", configuration, "--remove", "--now")
    assert ended.code == 2
    assert "may not do that" in ended.last_line


def test_a_paused_schedule_that_is_replaced_is_said_to_fire_again(standin, configuration, here):
    here("schedule", configuration, "--cron", "0 3 * * *")
    (paused,) = standin.recurring
    standin.switch_recurring({}, {}, paused, "disable")
    assert "was switched off" not in here("schedule", configuration, "--cron", "0 3 * * *").stderr
    assert (
        "what would take its place is on" in here("schedule", configuration, "--cron", "0 4 * * *", "--dry-run").stderr
    )
    ended = here("schedule", configuration, "--cron", "0 4 * * *")
    assert "note: office was switched off on the server; what took its place is on" in ended.stderr
    assert "was switched off" not in here("schedule", configuration, "--cron", "0 5 * * *").stderr


def test_what_is_printed_fits_a_terminal_of_80_columns(standin, configuration, here):
    ended = here("schedule", configuration, "--cron", "0 3 * * mon-fri", "--timezone", "Europe/Berlin")
    *lines, page = ended.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert page.startswith("page ")


def test_the_page_is_the_same_at_each_call(standin, configuration, here):
    """The server lists what belongs to one name in no order."""
    words = ("schedule", configuration, "--cron", "0 3 * * *", "--timezone", "Europe/Berlin", "--json")
    made = here(*words).json
    standin.recurring = dict(reversed(standin.recurring.items()))
    again = here(*words).json
    assert (again["state"], again["url"]) == ("unchanged", made["url"])
    assert again["recurring_runs"] == made["recurring_runs"]
