// SPDX-License-Identifier: Apache-2.0
// The JavaScript SDK against the endpoint: every operation, every error, fractions of seconds.
// usage: node sdk.mjs http://127.0.0.1:PORT PAIRS      (from a folder with node_modules)
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(process.cwd() + "/");
const runtimeSdk = require("@aws-sdk/client-personalize-runtime");
const eventsSdk = require("@aws-sdk/client-personalize-events");
const controlSdk = require("@aws-sdk/client-personalize");

const [endpoint, pairs] = [process.argv[2], Number(process.argv[3])];
const arn = "arn:aws:personalize:us-east-1:000000000000:";
const home = { campaignArn: arn + "campaign/home" };
const options = { endpoint, region: "us-east-1", maxAttempts: 1 };
const runtime = new runtimeSdk.PersonalizeRuntimeClient(options);
const events = new eventsSdk.PersonalizeEventsClient(options);
const control = new controlSdk.PersonalizeClient(options);

const recommend = (input) => runtime.send(new runtimeSdk.GetRecommendationsCommand(input));
const put = (userId, itemId, more) =>
    events.send(new eventsSdk.PutEventsCommand({
        trackingId: "home", userId, sessionId: "s-" + userId,
        eventList: [{ eventType: "View", sentAt: new Date(1795428000500), itemId, ...more }],
    }));

async function fails(promise, name, needle = "") {
    await assert.rejects(promise, (e) => {
        assert.equal(e.name, name, e);
        assert.ok(e.message.includes(needle), e.message);
        assert.ok(e.$metadata.requestId);
        return true;
    });
}

const tests = {
    async recommendations() {
        const answer = await recommend({ ...home, userId: "ü1", numResults: 7,
            metadataColumns: { ITEMS: ["CATEGORY_L1", "PRICE"] } });
        assert.equal(answer.itemList.length, 7);
        assert.equal(typeof answer.itemList[0].metadata.PRICE, "string");
        assert.match(answer.recommendationId, /^RID-.{36}$/);
        const ranked = await runtime.send(new runtimeSdk.GetPersonalizedRankingCommand(
            { campaignArn: arn + "campaign/rank", userId: "u", inputList: ["i0001", "i0002"] }));
        assert.equal(ranked.personalizedRanking.length, 2);
    },
    async events() {
        const { itemList, recommendationId } = await recommend({ ...home, userId: "js", numResults: 3 });
        await put("js", itemList[0].itemId, { eventId: "js-1", eventValue: 4.5, recommendationId,
            properties: { device: "phone" }, impression: ["i0001", "i0002"],
            metricAttribution: { eventAttributionSource: "web" } });
        await put("js", itemList[0].itemId, { eventId: "js-1" });
    },
    async rows() {
        await events.send(new eventsSdk.PutItemsCommand({ datasetArn: arn + "dataset/home/ITEMS",
            items: [{ itemId: "js-item", properties: { categoryL1: "Kitchen", price: 3 } }] }));
        await events.send(new eventsSdk.PutUsersCommand({ datasetArn: arn + "dataset/home/USERS",
            users: [{ userId: "js", properties: { age: "30" } }] }));
    },
    async errors() {
        await fails(recommend({ ...home, userId: "u", numResults: 501 }), "InvalidInputException", "numResults");
        await fails(recommend({ userId: "u" }), "InvalidInputException", "campaignArn");
        await fails(recommend({ campaignArn: arn + "campaign/nosuch", userId: "u" }), "ResourceNotFoundException");
        await fails(put("u", "i0001", { properties: "[1]" }), "InvalidInputException", "properties");
        await fails(events.send(new eventsSdk.PutActionsCommand({ datasetArn: arn + "dataset/home/ACTIONS",
            actions: [{ actionId: "a" }] })), "ResourceNotFoundException");
        await fails(runtime.send(new runtimeSdk.GetActionRecommendationsCommand({ ...home, userId: "u" })),
            "InvalidInputException", "actions");
        const wrong = new runtimeSdk.PersonalizeRuntimeClient({ ...options,
            credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "x" } });
        await fails(wrong.send(new runtimeSdk.GetRecommendationsCommand({ ...home, userId: "u" })),
            "InvalidSignatureException");
    },
    async control() {
        const { campaigns } = await control.send(new controlSdk.ListCampaignsCommand({}));
        assert.ok(campaigns.some((c) => c.name === "home" && c.creationDateTime instanceof Date));
        const { campaign } = await control.send(new controlSdk.DescribeCampaignCommand(home));
        assert.equal(campaign.status, "ACTIVE");
        await fails(control.send(new controlSdk.DescribeCampaignCommand({ campaignArn: arn + "campaign/nosuch" })),
            "ResourceNotFoundException");
    },
    async readYourWrites() {
        for (let i = 0; i < pairs; i++) {
            const user = "jsryw" + Math.floor(i / 10);
            const { itemList } = await recommend({ ...home, userId: user, numResults: 3 });
            await put(user, itemList[0].itemId);
            const after = await recommend({ ...home, userId: user, numResults: 3 });
            assert.ok(!after.itemList.some((x) => x.itemId === itemList[0].itemId), "stale at " + i);
        }
    },
};

for (const [name, test] of Object.entries(tests)) {
    await test();
    console.log("ok", name);
}
