// SPDX-License-Identifier: Apache-2.0
// The console in headless Chromium, driven over the DevTools protocol; keeps pictures.
// usage: node --experimental-websocket console.mjs http://127.0.0.1:PORT FOLDER [KEYID SECRET]
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";

const [, , endpoint, folder, keyId, secret] = process.argv;
mkdirSync(folder, { recursive: true });
const profile = mkdtempSync(tmpdir() + "/pz-chromium-");
const chromium = spawn("chromium", ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
    "--remote-debugging-port=0", "--user-data-dir=" + profile, "--window-size=1400,1000", "about:blank"],
{ stdio: ["ignore", "ignore", "pipe"], detached: true }); // a group of its own: its helpers end with it
const url = await new Promise((resolve, reject) => {
    let text = "";
    chromium.stderr.on("data", (d) => {
        text += d;
        const m = text.match(/ws:\/\/\S+/);
        if (m) resolve(m[0]);
    });
    chromium.on("exit", () => reject(new Error("chromium ended: " + text)));
});

const ws = new WebSocket(url);
await new Promise((r) => { ws.onopen = r; });
let last = 0, session;
const waiting = new Map(), outside = [], faults = [];
ws.onmessage = ({ data }) => {
    const m = JSON.parse(data);
    if (m.method === "Network.requestWillBeSent" && !m.params.request.url.startsWith(endpoint) && !m.params.request.url.startsWith("data:"))
        outside.push(m.params.request.url);
    if (m.method === "Runtime.exceptionThrown") faults.push(JSON.stringify(m.params.exceptionDetails));
    if (m.id) { waiting.get(m.id)(m); waiting.delete(m.id); }
};
const call = (method, params = {}) => new Promise((resolve, reject) => {
    waiting.set(++last, (m) => (m.error ? reject(new Error(JSON.stringify(m.error))) : resolve(m.result)));
    ws.send(JSON.stringify({ id: last, method, params, sessionId: session }));
});
const { targetId } = await call("Target.createTarget", { url: "about:blank" });
session = (await call("Target.attachToTarget", { targetId, flatten: true })).sessionId;
for (const d of ["Page", "Runtime", "Network"]) await call(d + ".enable");
await call("Emulation.setDeviceMetricsOverride", { width: 1400, height: 1400, deviceScaleFactor: 1, mobile: false });

const run = async (expression) => {
    const r = await call("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (r.exceptionDetails) throw new Error(JSON.stringify(r.exceptionDetails));
    return r.result.value;
};
async function until(expression) {
    for (let i = 0; i < 300; i++) {
        if (await run(expression).catch(() => false)) return; // a page that is not there yet
        await new Promise((r) => setTimeout(r, 50));
    }
    throw new Error("never: " + expression + " faults: " + faults + " note: " + await run("document.getElementById('note').textContent"));
}
const picture = async (name) => writeFileSync(`${folder}/${name}.png`,
    Buffer.from((await call("Page.captureScreenshot", { captureBeyondViewport: true })).data, "base64"));
const key = async (k) => {
    await call("Input.dispatchKeyEvent", { type: "keyDown", key: k, text: k.length === 1 ? k : undefined });
    await call("Input.dispatchKeyEvent", { type: "keyUp", key: k });
};

try {
    await call("Page.navigate", { url: endpoint + "/console#campaign=home" });
    if (keyId) {
        await until("document.getElementById('sign') && document.getElementById('sign').open");
        await run(`document.getElementById('keyid').value = ${JSON.stringify(keyId)};
            document.getElementById('secret').value = ${JSON.stringify(secret)};
            document.querySelector('#sign button').click()`);
    }
    await until("document.body.dataset.ready && document.querySelectorAll('#list .hit').length === 20");
    await until("document.querySelectorAll('#history .event').length > 0");
    await until("document.querySelectorAll('#threads path').length > 0");
    await until("S.map && S.pulses.length > 1");
    await picture("console" + (keyId ? "-key" : ""));
    if (keyId) {
        assert.equal(await run("document.querySelector('#list .hit button').disabled"), true, "a reader may not write");
    } else {
        const first = await run("S.look.itemList[0].itemId"), met = await run("document.querySelectorAll('#history .event').length");
        await run("select(0)");
        await key("v");
        await until(`S.look.itemList[0].itemId !== ${JSON.stringify(first)}`);
        assert.equal(await run("document.querySelectorAll('#history .event.live').length"), 1);
        assert.ok(await run("document.querySelectorAll('#history .event').length") >= Math.min(met, 60));
        assert.match(await run("document.getElementById('note').textContent"), /event stored and list anew in \d+ ms/);
        await key("ArrowDown");
        assert.equal(await run("S.on"), 1);
        await run(`document.getElementById('why').value = ${JSON.stringify(first)}; why()`);
        await until("document.getElementById('answer').textContent.includes('seen')");
        const still = "document.getAnimations().length === 0";
        await run("document.getElementById('other').value = 'fkitchen'; document.getElementById('other').onchange()");
        await until("document.querySelectorAll('#list2 .hit').length > 0 && document.querySelectorAll('#list2 .moved').length > 0");
        await until(still);
        await picture("console-beside");
        // the other version, by a click on the time line
        assert.deepEqual(await run("[...document.querySelectorAll('#timeline .version')].map((v) => v.dataset.version)"), ["1", "2"]);
        assert.match(await run("document.querySelector('#timeline .version title').textContent"), /version 1[^]*nDCG@25 0\.\d+ ± 0\.\d+ on \d+ users/);
        await run("document.querySelector('#timeline .version').dispatchEvent(new MouseEvent('click'))");
        await until("S.other && S.other.version === 1 && S.look.version === 2");
        const moved = await run("[...document.querySelectorAll('#list2 .hit')].map((li) => [li.dataset.id, li.querySelector('.moved').textContent])");
        const now = await run("S.look.itemList.map((x) => x.itemId)");
        moved.forEach(([id, text], i) => assert.equal(text, { "-1": "new" }[now.indexOf(id)] ?? (now.indexOf(id) === i ? "=" : (now.indexOf(id) > i ? "▲" : "▼") + Math.abs(now.indexOf(id) - i))));
        assert.ok(moved.some(([, text]) => text !== "="), "two versions that differ");
        await until(still);
        await picture("console-versions");
        await call("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: "dark" }] });
        await run("draw()");
        await picture("console-dark");
    }
    assert.deepEqual(outside, [], "nothing from elsewhere");
    assert.deepEqual(faults, []);
    console.log("ok");
} finally {
    process.kill(-chromium.pid, "SIGKILL");
    await new Promise((r) => chromium.on("exit", r));
    // its helpers may end a moment later and still write
    rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}
