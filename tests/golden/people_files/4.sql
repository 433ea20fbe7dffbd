-- site.db as version 4 of its tables left it: one person, with badge and PIN
PRAGMA application_id = 1397772357;
BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'site','0001_people','2026-11-22 19:59:25.060698+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'site','0002_history','2026-11-22 19:59:25.084073+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'site','0003_lists','2026-11-22 19:59:25.111002+00:00');
INSERT INTO "_sqlite_migrations" VALUES(4,'site','0004_duress','2026-11-22 19:59:25.146571+00:00');
CREATE TABLE credential (
        id TEXT PRIMARY KEY CHECK (length(id) = 16),
        holder TEXT NOT NULL REFERENCES holder (id) ON DELETE CASCADE,
        ref TEXT NOT NULL UNIQUE CHECK (length(ref) = 64),
        status TEXT NOT NULL CHECK (status IN ('active', 'suspended', 'lost', 'revoked'))
    ) STRICT;
INSERT INTO "credential" VALUES('1111111111111111','abcdefabcdefab00','eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee','active');
CREATE TABLE history (
        number INTEGER PRIMARY KEY CHECK (number BETWEEN 1 AND 9007199254740991),
        digest TEXT NOT NULL CHECK (length(digest) = 64),
        made TEXT NOT NULL CHECK (length(made) <= 2000),
        touched BLOB,
        came TEXT NOT NULL CHECK (length(came) <= 2000),
        change_set TEXT CHECK (length(change_set) = 64),
        keys TEXT NOT NULL CHECK (length(keys) <= 2000),
        seq INTEGER CHECK (seq BETWEEN 1 AND 9007199254740991)
    ) STRICT;
CREATE TABLE holder (
        id TEXT PRIMARY KEY CHECK (length(id) = 16),
        external_id TEXT NOT NULL UNIQUE CHECK (length(external_id) BETWEEN 1 AND 64),
        name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
        roles TEXT NOT NULL CHECK (length(roles) <= 2000),
        valid_from_s INTEGER CHECK (valid_from_s BETWEEN 0 AND 1099511627776),
        valid_until_s INTEGER CHECK (valid_until_s BETWEEN 0 AND 1099511627776),
        suspended INTEGER NOT NULL CHECK (suspended IN (0, 1)),
        watchlisted INTEGER NOT NULL CHECK (watchlisted IN (0, 1)),
        version INTEGER NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991)
    , watchlists TEXT NOT NULL DEFAULT '[]' CHECK (length(watchlists) <= 2000), biometrics INTEGER NOT NULL DEFAULT 1 CHECK (biometrics IN (0, 1))) STRICT;
INSERT INTO "holder" VALUES('abcdefabcdefab00','0042','Anna','["staff"]',NULL,2000000000,0,0,1,'[]',1);
CREATE TABLE meta (
        key TEXT PRIMARY KEY,
        value INTEGER NOT NULL CHECK (value BETWEEN 0 AND 9007199254740991)
    ) STRICT;
INSERT INTO "meta" VALUES('version',1);
INSERT INTO "meta" VALUES('applied_seq',7);
CREATE TABLE pin (
        holder TEXT PRIMARY KEY REFERENCES holder (id) ON DELETE CASCADE,
        hash TEXT NOT NULL CHECK (hash GLOB '$argon2id$*' AND length(hash) <= 256)
    , duress_hash TEXT CHECK (duress_hash GLOB '$argon2id$*' AND length(duress_hash) <= 256)) STRICT;
INSERT INTO "pin" VALUES('abcdefabcdefab00','$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g',NULL);
CREATE TABLE staged (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        version INTEGER NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
        digest TEXT NOT NULL CHECK (length(digest) = 64),
        change BLOB NOT NULL
    , came TEXT NOT NULL DEFAULT '{}') STRICT;
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX credential_holder ON credential (holder);
COMMIT;
