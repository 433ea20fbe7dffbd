import { passkeys } from "./passkey.js";

passkeys();
