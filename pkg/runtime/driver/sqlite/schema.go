package sqlite

import (
	"embed"
	"fmt"
	"path"
	"strconv"

	"github.com/stem-jobs/stem/pkg/runtime"
)

// migrations are applied in the order of their names; the number in front is
// the schema's version.
//
//go:embed migrations/*.sql
var migrations embed.FS

type migration struct {
	version int
	script  string
}

var (
	allMigrations = readMigrations()
	newestSchema  = allMigrations[len(allMigrations)-1].version
)

// readMigrations panics on a file that is misnamed: that is a mistake in this
// package, which any test finds.
func readMigrations() []migration {
	entries, err := migrations.ReadDir("migrations")
	if err != nil {
		panic(err)
	}
	var out []migration
	for _, e := range entries {
		script, err := migrations.ReadFile(path.Join("migrations", e.Name()))
		if err != nil {
			panic(err)
		}
		version, err := strconv.Atoi(e.Name()[:3])
		if err != nil {
			panic("stem: migration without a number: " + e.Name())
		}
		out = append(out, migration{version, sqlText(string(script))})
	}
	return out
}

// migrate brings the file's schema up to date. Several processes may do so at
// once: one does it, the others find it done.
func migrate(c *conn, o runtime.OpenOptions) error {
	version, err := schemaOf(c)
	if err != nil || version == newestSchema {
		return err
	}
	if version < newestSchema && o.ReadOnly {
		return problem(runtime.CodeIncompatible,
			fmt.Sprintf("the file's schema is %d, this binary needs %d and may not change it", version, newestSchema),
			"run a command that writes to the store once, to upgrade it")
	}
	if err := c.script(`BEGIN IMMEDIATE`); err != nil {
		return err
	}
	if err := upgrade(c); err != nil {
		_ = c.script(`ROLLBACK`)
		return err
	}
	return c.script(`COMMIT`)
}

func upgrade(c *conn) error {
	version, err := schemaOf(c)
	if err != nil {
		return err
	}
	for _, m := range allMigrations {
		if m.version <= version {
			continue
		}
		if err := c.script(m.script); err != nil {
			return fmt.Errorf("upgrade the schema to %d: %w", m.version, err)
		}
		_, err := c.exec(`INSERT OR REPLACE INTO stem_meta (key, value) VALUES ('schema', ?)`, strconv.Itoa(m.version))
		if err != nil {
			return err
		}
	}
	return nil
}

// schemaOf returns the version of stem's tables in the file, 0 when there are
// none. It is not in PRAGMA user_version, which belongs to the program whose
// database the file may be.
//
//   - Errors: ErrIncompatible when it is newer than this binary.
func schemaOf(c *conn) (int, error) {
	exists, err := one(c, `SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'stem_meta'`, func(row) {})
	if err != nil || !exists {
		return 0, err
	}
	var text string
	if _, err := one(c, `SELECT value FROM stem_meta WHERE key = 'schema'`, func(r row) { text = r.str(0) }); err != nil {
		return 0, err
	}
	version, err := strconv.Atoi(text)
	if err != nil {
		return 0, problem(runtime.CodeCorrupt, fmt.Sprintf("its schema version is %q", text), "restore the file from a backup")
	}
	if version > newestSchema {
		return 0, problem(runtime.CodeIncompatible,
			fmt.Sprintf("the file is from a newer version (schema %d, this binary knows %d)", version, newestSchema),
			"upgrade stem, or point store at another file")
	}
	return version, nil
}
