package sqlstore_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/growthgenius/growthgenius-go/internal/testkit"
	"github.com/growthgenius/growthgenius-go/internal/testkit/pgtest"
	"github.com/growthgenius/growthgenius-go/sqlstore"
)

// processEnv names the function of processes that the test binary is to run in place of the
// tests.
const processEnv = "SQLSTORE_PROCESS"

// processes are what tests run in processes of their own. They return the exit code.
var processes = map[string]func() int{}

func TestMain(m *testing.M) {
	if process, ok := processes[os.Getenv(processEnv)]; ok {
		os.Exit(process())
	}
	testkit.Main(m)
}

// database is an empty database of a test, which it may connect to any number of times.
type database struct {
	dialect sqlstore.Dialect
	driver  string
	dsn     string
}

// onEach runs a test on an empty database of each kind.
func onEach(t *testing.T, test func(t *testing.T, d database)) {
	t.Helper()
	for _, dialect := range []sqlstore.Dialect{sqlstore.SQLite, sqlstore.Postgres} {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			test(t, empty(t, dialect))
		})
	}
}

// empty returns an empty database.
func empty(t *testing.T, dialect sqlstore.Dialect) database {
	t.Helper()
	if dialect == sqlstore.Postgres {
		return database{dialect, "pgx", pgtest.NewSchema(t)}
	}
	// No test is about power failures.
	return database{dialect, "sqlite", "file:" + filepath.ToSlash(filepath.Join(t.TempDir(), "db")) + "?_pragma=journal_mode(wal)&_pragma=synchronous(normal)"}
}

// connect connects to the database as one process does.
func (d database) connect(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open(d.driver, d.dsn)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(8)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// store connects to the database, and creates the tables.
func (d database) store(t *testing.T) *sqlstore.Store {
	t.Helper()
	s := sqlstore.New(d.connect(t), d.dialect)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}
