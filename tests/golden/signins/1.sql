-- signins.db as its first version left it
PRAGMA application_id = 1397773129;
BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'signins','0001_signins','2026-11-22 19:59:12.916875+00:00');
CREATE TABLE code (
        hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
        what TEXT NOT NULL CHECK (what IN ('first', 'invitation', 'link')),
        holder TEXT NOT NULL CHECK (length(holder) <= 64),
        until_us INTEGER NOT NULL CHECK (until_us BETWEEN 0 AND 9007199254740991)
    ) STRICT;
INSERT INTO "code" VALUES(X'6868686868686868686868686868686868686868686868686868686868686868','invitation','aaaaaaaaaaaaaaaa',9);
CREATE TABLE passkey (
        id TEXT PRIMARY KEY CHECK (length(id) = 16),
        holder TEXT NOT NULL CHECK (length(holder) BETWEEN 1 AND 64),
        label TEXT NOT NULL CHECK (length(label) <= 64),
        credential BLOB NOT NULL UNIQUE CHECK (length(credential) BETWEEN 1 AND 1024),
        count INTEGER NOT NULL CHECK (count BETWEEN 0 AND 4294967295),
        made_us INTEGER NOT NULL CHECK (made_us BETWEEN 0 AND 9007199254740991),
        used_us INTEGER NOT NULL CHECK (used_us BETWEEN 0 AND 9007199254740991)
    ) STRICT;
INSERT INTO "passkey" VALUES('1111111111111111','aaaaaaaaaaaaaaaa','blue',X'63',4294967295,1,2);
CREATE TABLE password (
        holder TEXT PRIMARY KEY CHECK (length(holder) BETWEEN 1 AND 64),
        hash TEXT NOT NULL CHECK (length(hash) BETWEEN 1 AND 256),
        totp BLOB NOT NULL CHECK (length(totp) BETWEEN 1 AND 256),
        step INTEGER NOT NULL CHECK (step BETWEEN 0 AND 9007199254740991)
    ) STRICT;
INSERT INTO "password" VALUES('aaaaaaaaaaaaaaaa','$argon2id$x',X'74',3);
CREATE TABLE session (
        hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
        id TEXT NOT NULL UNIQUE CHECK (length(id) = 16),
        holder TEXT NOT NULL CHECK (length(holder) BETWEEN 1 AND 64),
        how TEXT NOT NULL CHECK (length(how) BETWEEN 1 AND 32),
        terminal TEXT NOT NULL CHECK (length(terminal) <= 64),
        begun_us INTEGER NOT NULL CHECK (begun_us BETWEEN 0 AND 9007199254740991),
        seen_us INTEGER NOT NULL CHECK (seen_us BETWEEN 0 AND 9007199254740991),
        ends_us INTEGER NOT NULL CHECK (ends_us BETWEEN 0 AND 9007199254740991),
        locked INTEGER NOT NULL CHECK (locked IN (0, 1))
    ) STRICT;
INSERT INTO "session" VALUES(X'7373737373737373737373737373737373737373737373737373737373737373','2222222222222222','aaaaaaaaaaaaaaaa','link','',1,2,3,1);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
COMMIT;
