// What the shop has set for this page in till.toml: its keys and its sounds. Read once, before anything is drawn.

import { get } from "./api.js";

export const settings = await get("/page/settings.json").catch(() => ({ shortcuts: {}, sounds: { on: true, volume_percent: 60 } }));
