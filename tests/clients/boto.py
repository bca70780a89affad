# SPDX-License-Identifier: Apache-2.0
"""boto3 against the endpoint: every operation, every error, retries, read-your-writes.

usage: boto.py http://127.0.0.1:PORT PAIRS    keys come from AWS_ACCESS_KEY_ID and its like
Each test is a function; one that fails raises, and the script ends with 1."""

import datetime
import json
import sys

import boto3
import botocore.exceptions
from botocore.config import Config

ARN = "arn:aws:personalize:us-east-1:000000000000:"
ENDPOINT, PAIRS = sys.argv[1], int(sys.argv[2])
CONFIG = Config(retries={"mode": "standard", "max_attempts": 1}, parameter_validation=False)
NOW = datetime.datetime(2026, 11, 23, 10, 0, 0, 500000, tzinfo=datetime.timezone.utc)


def client(service, **kwargs):
    return boto3.client(service, endpoint_url=ENDPOINT, region_name="us-east-1", config=CONFIG, **kwargs)


runtime, events, control = client("personalize-runtime"), client("personalize-events"), client("personalize")
HOME = {"campaignArn": ARN + "campaign/home"}


def expect(error, call, *needles):
    """The call fails with that exception, its message naming all needles."""
    try:
        call()
    except botocore.exceptions.ClientError as e:
        assert e.response["Error"]["Code"] == error, e
        for needle in needles:
            assert needle in str(e), (needle, str(e))
        assert e.response["ResponseMetadata"]["RequestId"]
        return e
    raise AssertionError("no " + error)


def put(user, item, **event):
    events.put_events(trackingId="home", userId=user, sessionId="s-" + user,
                      eventList=[dict({"eventType": "View", "sentAt": NOW, "itemId": item}, **event)])


def ids(answer, member="itemList"):
    return [i["itemId"] for i in answer[member]]


def test_recommendations():
    answer = runtime.get_recommendations(userId="somebody", numResults=7, **HOME)
    assert len(answer["itemList"]) == 7 and all(i["score"] > 0 for i in answer["itemList"])
    assert answer["recommendationId"].startswith("RID-") and len(answer["recommendationId"]) == 40
    assert len(runtime.get_recommendations(userId="somebody", **HOME)["itemList"]) == 25
    assert len(runtime.get_recommendations(userId="ü1 \"'\\", numResults=0, **HOME)["itemList"]) == 25
    related = runtime.get_recommendations(campaignArn=ARN + "campaign/related", itemId="i0006", numResults=5)
    assert "i0006" not in ids(related) and "score" not in related["itemList"][0]


def test_filters_and_promotions():
    answer = runtime.get_recommendations(userId="somebody", filterArn=ARN + "filter/category",
                                         filterValues={"C": '"Kitchen","Bath"'}, numResults=500, **HOME)
    assert 0 < len(answer["itemList"]) < 500
    answer = runtime.get_recommendations(
        userId="somebody", numResults=10, **HOME,
        promotions=[{"name": "push", "percentPromotedItems": 30, "filterArn": ARN + "filter/kitchen"}])
    assert len([i for i in answer["itemList"] if i.get("promotionName") == "push"]) == 3


def test_ranking():
    wanted = ["i0001", "i0002", "i0003", "nosuch"]
    answer = runtime.get_personalized_ranking(campaignArn=ARN + "campaign/rank", inputList=wanted, userId="somebody")
    assert sorted(ids(answer, "personalizedRanking")) == sorted(wanted)
    assert ids(answer, "personalizedRanking")[-1] == "nosuch"
    assert abs(sum(i.get("score", 0) for i in answer["personalizedRanking"]) - 1) < 1e-3


def test_invalid_input():
    bad = "InvalidInputException"
    many = [{"eventType": "View", "sentAt": NOW}] * 11
    call = runtime.get_recommendations
    expect(bad, lambda: call(), "campaignArn")
    expect(bad, lambda: call(campaignArn="demo", userId="u"), "campaignArn")
    expect(bad, lambda: call(numResults=501, userId="u", **HOME), "numResults")
    expect(bad, lambda: call(userId="x" * 257, **HOME), "userId")
    expect(bad, lambda: call(userId="", **HOME), "userId")
    expect(bad, lambda: call(**HOME), "userId")
    expect(bad, lambda: call(userId="u", filterValues={"C": "1"}, **HOME), "filterValues")
    expect(bad, lambda: call(userId="u", promotions=[{"percentPromotedItems": 101}], **HOME), "percentPromotedItems")
    expect(bad, lambda: call(userId="u", promotions=[{}, {}], **HOME), "promotions")
    expect(bad, lambda: call(campaignArn=ARN + "campaign/related", userId="u"), "itemId")
    expect(bad, lambda: runtime.get_personalized_ranking(inputList=[], userId="u", **HOME), "inputList")
    expect(bad, lambda: events.put_events(trackingId="home", sessionId="s", eventList=many), "eventList")
    expect(bad, lambda: put("u", "i0001", eventValue=float("nan")), "NaN")
    expect(bad, lambda: put("u", "i0001", properties="x" * 2000), "properties")
    expect(bad, lambda: events.put_events(trackingId="nosuch", sessionId="s", eventList=many[:1]), "trackingId")


def test_not_found():
    missing = "ResourceNotFoundException"
    expect(missing, lambda: runtime.get_recommendations(campaignArn=ARN + "campaign/nosuch", userId="u"))
    expect(missing, lambda: runtime.get_recommendations(userId="u", filterArn=ARN + "filter/nosuch", **HOME))
    e = expect(missing, lambda: events.put_items(datasetArn=ARN + "dataset/nosuch/ITEMS", items=[{"itemId": "i"}]))
    assert isinstance(e, events.exceptions.ResourceNotFoundException)


def test_items_and_users():
    events.put_items(datasetArn=ARN + "dataset/home/ITEMS",
                     items=[{"itemId": "fresh", "properties": json.dumps({"categoryL1": "Kitchen", "price": 3})}])
    events.put_users(datasetArn=ARN + "dataset/home/USERS",
                     users=[{"userId": "somebody", "properties": json.dumps({"age": "30"})}])
    expect("InvalidInputException", lambda: events.put_items(
        datasetArn=ARN + "dataset/home/ITEMS", items=[{"itemId": "i", "properties": "{\"price\":\"cheap\"}"}]), "price")


def test_signatures():
    other = client("personalize-runtime", aws_access_key_id="NOBODY", aws_secret_access_key="x")
    expect("UnrecognizedClientException", lambda: other.get_recommendations(userId="u", **HOME))
    wrong = client("personalize-runtime", aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="x")
    expect("InvalidSignatureException", lambda: wrong.get_recommendations(userId="u", **HOME))
    reader = {"aws_access_key_id": "READER", "aws_secret_access_key": "reads"}
    client("personalize-runtime", **reader).get_recommendations(userId="u", **HOME)
    expect("AccessDeniedException", lambda: client("personalize-events", **reader).put_events(
        trackingId="home", sessionId="s", eventList=[{"eventType": "View", "sentAt": NOW, "itemId": "i0001"}]))
    expect("AccessDeniedException", lambda: client("personalize-runtime", **reader).get_recommendations(
        campaignArn=ARN + "campaign/related", itemId="i0001"))
    token = dict(aws_access_key_id="TEMPORARY", aws_secret_access_key="passes")
    client("personalize-runtime", aws_session_token="ticket", **token).get_recommendations(userId="u", **HOME)
    expect("UnrecognizedClientException", lambda: client(
        "personalize-runtime", aws_session_token="other", **token).get_recommendations(userId="u", **HOME))


def test_control_plane():
    assert "home" in [c["name"] for c in control.list_campaigns()["campaigns"]]
    campaign = control.describe_campaign(campaignArn=HOME["campaignArn"])["campaign"]
    assert campaign["status"] == "ACTIVE" and campaign["minProvisionedTPS"] == 1
    version = campaign["solutionVersionArn"]
    assert control.describe_solution_version(solutionVersionArn=version)["solutionVersion"]["status"] == "ACTIVE"
    assert control.get_solution_metrics(solutionVersionArn=version)["solutionVersionArn"] == version
    assert len(control.list_solution_versions(solutionArn=ARN + "solution/home")["solutionVersions"]) == 1
    assert len(control.list_recipes()["recipes"]) >= 6
    assert control.describe_recipe(
        recipeArn="arn:aws:personalize:::recipe/aws-user-personalization")["recipe"]["recipeType"] == "USER_PERSONALIZATION"
    assert {"category", "kitchen"} <= {f["name"] for f in control.list_filters()["Filters"]}
    assert "$C" in control.describe_filter(filterArn=ARN + "filter/category")["filter"]["filterExpression"]
    trackers = control.list_event_trackers(datasetGroupArn=ARN + "dataset-group/home")["eventTrackers"]
    assert control.describe_event_tracker(
        eventTrackerArn=trackers[0]["eventTrackerArn"])["eventTracker"]["trackingId"] == "home"
    first = control.list_campaigns(maxResults=2)
    assert len(first["campaigns"]) == 2
    assert len(control.list_campaigns(maxResults=2, nextToken=first["nextToken"])["campaigns"]) == 1
    e = expect("ResourceNotFoundException", lambda: control.describe_campaign(campaignArn=ARN + "campaign/nosuch"))
    assert isinstance(e, control.exceptions.ResourceNotFoundException)


def test_read_your_writes():
    """Each event is in the answer that is asked for after it: what was met is not recommended again."""
    last = None
    for i in range(PAIRS):
        user = "ryw%d" % (i // 10)
        answer = ids(runtime.get_recommendations(userId=user, numResults=5, **HOME))
        assert last is None or i % 10 == 0 or last not in answer, "stale after %d" % i
        last = answer[0]
        put(user, last)
        assert last not in ids(runtime.get_recommendations(userId=user, numResults=5, **HOME)), "stale at %d" % i


def main():
    for name, test in sorted(globals().items()):
        if name.startswith("test_"):
            test()
            print("ok", name)


main()
