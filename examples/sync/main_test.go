//go:build unix

package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/internal/testkit/pgtest"
	"github.com/growthgenius/growthgenius-go/internal/testkit/program"
)

func TestMain(m *testing.M) { program.Main(m, pgtest.Stop) }

const anotherRun = "another run is using this database"

// process is a run of the program.
type process struct {
	*exec.Cmd
	stdout, stderr strings.Builder
}

// command returns the program with env in place of the GROWTHGENIUS_ variables.
func command(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: program.Command(t, env, args...)}
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	return p
}

// start starts the program.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := command(t, env, args...)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// ends waits for the program, which must fail with the error, or succeed if it is "".
func (p *process) ends(t *testing.T, want string) {
	t.Helper()
	_ = p.Wait()
	stderr := p.stderr.String()
	if code := p.ProcessState.ExitCode(); want == "" && code == 0 && stderr == "" {
		return
	} else if want == "" || code != 1 || !strings.HasPrefix(stderr, "sync: ") || !strings.Contains(stderr, want) {
		t.Fatalf("exit %d, want the error %q: %s%s", code, want, &p.stdout, stderr)
	}
}

// api is a server whose clock stands still unless the test sets it ahead, so that the
// number of windows that a run reads does not depend on the speed of the machine.
type api struct {
	*growthgeniustest.Server
	ahead  *atomic.Int64
	random *rand.Rand
}

func serve(t *testing.T, opts ...growthgeniustest.ServerOption) *api {
	t.Helper()
	ahead, begun := new(atomic.Int64), time.Now()
	clock := growthgeniustest.WithClock(func() time.Time { return begun.Add(time.Duration(ahead.Load())) })
	return &api{growthgeniustest.NewServer(t, append(opts, clock)...), ahead, rand.New(rand.NewPCG(1, 2))}
}

func (a *api) env() []string { return a.envFor("1", a.URL()) }

func (a *api) envFor(user, base string) []string {
	return []string{"GROWTHGENIUS_API_KEY=" + a.APIKey(), "GROWTHGENIUS_USER_ID=" + user, "GROWTHGENIUS_BASE_URL=" + base}
}

// front puts a proxy before the server, which calls requested and responded for each list,
// and returns the environment for it.
func (a *api) front(t *testing.T, requested, responded func()) []string {
	t.Helper()
	return a.proxy(t, func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		list := isList(r)
		if list {
			requested()
		}
		serve(w, r)
		if list {
			responded()
		}
	})
}

func isList(r *http.Request) bool {
	return strings.HasSuffix(r.URL.Path, growthgeniustest.RouteContacts) || strings.HasSuffix(r.URL.Path, growthgeniustest.RouteMessages)
}

// proxy puts a proxy before the server and returns the environment for it.
func (a *api) proxy(t *testing.T, handle func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc)) []string {
	t.Helper()
	target, err := url.Parse(a.URL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: target.Scheme, Host: target.Host})
	proxy.ErrorLog = log.New(io.Discard, "", 0) // clients are killed
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handle(w, r, proxy.ServeHTTP) }))
	t.Cleanup(server.Close)
	return a.envFor("1", server.URL+target.Path)
}

// day simulates a day: of each kind, n records are created and n old ones are updated.
func (a *api) day(n int) {
	contacts, messages := a.Contacts(), a.Messages()
	a.random.Shuffle(len(contacts), func(i, j int) { contacts[i], contacts[j] = contacts[j], contacts[i] })
	a.random.Shuffle(len(messages), func(i, j int) { messages[i], messages[j] = messages[j], messages[i] })
	contacts, messages = contacts[:min(n, len(contacts))], messages[:min(n, len(messages))]
	for i := range contacts {
		contacts[i].Stage, contacts[i].UpdatedAt = fmt.Sprint("stage ", a.random.Int()), time.Time{}
	}
	for i := range messages {
		messages[i].RenderedCopy = fmt.Sprint("copy ", a.random.Int())
	}
	for range n {
		i := a.random.Int()
		contacts = append(contacts, growthgenius.Contact{
			FullName: fmt.Sprint("Contact ", i), Email: fmt.Sprintf("%d@example.com", i), CompanyName: "Ünïcode \"& Söns\"",
			Extra: map[string]json.RawMessage{"own": json.RawMessage(fmt.Sprintf(`{"b":%d,"a":[1.50]}`, i))},
		})
		messages = append(messages, growthgenius.Message{
			ContactID: growthgenius.IntID(int64(i % 1000)), MessageType: "sales_force_message",
			RenderedCopy: fmt.Sprint("copy ", i), SentAt: time.Unix(int64(i%1e9), 5e6),
		})
	}
	a.AddContacts(contacts...)
	a.AddMessages(messages...)
	a.ahead.Add(int64(24 * time.Hour))
}

// same fails unless the tables have exactly the records of the server.
func (a *api) same(t *testing.T, dsn string) {
	t.Helper()
	want := map[string][]string{}
	for _, c := range a.Contacts() {
		want["contact "+string(c.ID)] = []string{c.Email, c.FullName, c.CompanyName, c.Stage, stamp(c.UpdatedAt), asJSON(t, c)}
	}
	for _, m := range a.Messages() {
		want["message "+string(m.ID)] = []string{string(m.ContactID), m.MessageType, stamp(m.SentAt), asJSON(t, m)}
	}
	got := read(t, dsn)
	if maps.EqualFunc(got, want, slices.Equal) {
		return
	}
	for key := range want {
		if !slices.Equal(got[key], want[key]) {
			t.Errorf("%s\nhas  %q\nwant %q", key, got[key], want[key])
			break
		}
	}
	t.Fatalf("the tables differ from the server: they have %d records, it has %d", len(got), len(want))
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// read returns all rows of the tables. It fails if an id has two.
func read(t *testing.T, dsn string) map[string][]string {
	t.Helper()
	db, err := open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	all := map[string][]string{}
	for kind, query := range map[string]string{
		"contact ": `SELECT id, email, full_name, company_name, stage, updated_at, record FROM growthgenius_contacts`,
		"message ": `SELECT id, contact_id, message_type, sent_at, record FROM growthgenius_messages`,
	} {
		readTable(t, db, query, func(row []string) {
			if _, twice := all[kind+row[0]]; twice {
				t.Fatalf("%s%s has two rows", kind, row[0])
			}
			all[kind+row[0]] = row[1:]
		})
	}
	return all
}

func readTable(t *testing.T, db *sql.DB, query string, use func(row []string)) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, _ := rows.Columns()
	for rows.Next() {
		values, pointers := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			pointers[i] = &values[i]
		}
		if err := rows.Scan(pointers...); err != nil {
			t.Fatal(err)
		}
		row := make([]string, len(columns))
		for i, name := range columns {
			row[i] = plain(t, name, values[i])
		}
		use(row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// plain returns a value of either database as text, "" for NULL.
func plain(t *testing.T, column string, v any) string {
	t.Helper()
	switch v := v.(type) {
	case nil:
		return ""
	case time.Time:
		return stamp(v)
	case []byte:
		return string(v)
	case string:
		if strings.HasSuffix(column, "_at") {
			at, err := time.Parse(time.RFC3339Nano, v)
			if err != nil {
				t.Fatal(err)
			}
			return stamp(at)
		}
		return v
	default:
		t.Fatalf("%s is a %T", column, v)
		return ""
	}
}

func TestInMemory(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	p.ends(t, "")
	want := `GROWTHGENIUS_API_KEY is not set: this is a server in memory, and so is the database.

contacts: 2 changed, 0 deleted
messages: 1 changed, 0 deleted
`
	if got := p.stdout.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	srv := serve(t)
	dsn := filepath.Join(t.TempDir(), "test.db")
	start(t, nil, "-dsn", dsn).ends(t, "GROWTHGENIUS_API_KEY is not set")
	start(t, srv.env()[:1], "-dsn", dsn).ends(t, "WithUserID")
	if _, err := os.Stat(dsn); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a database was created: %v", err)
	}
	p := start(t, nil, dsn)
	if _ = p.Wait(); p.ProcessState.ExitCode() != 2 || !strings.Contains(p.stderr.String(), "-dsn") {
		t.Errorf("exit %d: %s%s", p.ProcessState.ExitCode(), &p.stdout, &p.stderr)
	}
	missing := filepath.Join(dsn, "missing", "folder")
	start(t, srv.env(), "-dsn", missing).ends(t, "open the SQLite file "+missing+": unable to open")
	start(t, srv.env(), "-dsn", "postgres:///x?host="+filepath.Dir(dsn)).ends(t, "failed to connect")
}

// The tests are the same for each database.

func TestSQLite(t *testing.T) {
	t.Parallel()
	testDatabase(t, func(t *testing.T) string {
		t.Helper()
		return filepath.Join(t.TempDir(), "test.db")
	})
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	testDatabase(t, pgtest.NewSchema)
}

func testDatabase(t *testing.T, newDSN func(*testing.T) string) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, string){
		"killed": testKilled, "two at once": testTwoAtOnce, "hostile": testHostile, "another user": testAnotherUser,
		"odd times": testOddTimes, "refused": testRefused, "new column": testNewColumn,
		"full": testFull, "older list": testOlderList, "404 of a gateway": testGateway, "merged": testMerged, "too many": testTooMany,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newDSN(t))
		})
	}
}

// testKilled kills the program night after night, while records keep changing: at any time,
// and soon after it has received a list, when it is writing.
func testKilled(t *testing.T, dsn string) {
	t.Helper()
	const nights, kills, records = 4, 6, 200
	srv := serve(t)
	srv.Inject(growthgeniustest.Fault{Delay: 10 * time.Millisecond})
	responded := make(chan struct{}, 100)
	env := srv.front(t, func() {}, func() { responded <- struct{}{} })
	var killed int
	for range nights {
		srv.day(records)
		for try := range kills {
			for len(responded) > 0 {
				<-responded
			}
			p, ended := start(t, env, "-dsn", dsn), make(chan struct{})
			go func() {
				defer close(ended)
				_ = p.Wait()
			}()
			for range try % 3 { // the list of contacts, the list of messages
				select {
				case <-responded:
				case <-ended:
				}
			}
			// From 0.2 to 200 ms, equally often small and large, for machines of any speed.
			select {
			case <-time.After(time.Duration(2e5 * math.Pow(1000, srv.random.Float64()))):
				_ = p.Process.Kill()
			case <-ended:
			}
			<-ended
			switch code := p.ProcessState.ExitCode(); {
			case code == -1:
				killed++
			case code != 0 && !strings.Contains(p.stderr.String(), anotherRun): // Postgres may still commit for a killed one
				t.Fatalf("exit %d: %s", code, &p.stderr)
			}
		}
	}
	await(t, dsn)
	start(t, env, "-dsn", dsn).ends(t, "")
	srv.same(t, dsn)
	t.Logf("%d of %d runs were killed", killed, nights*kills)
	if killed == 0 {
		t.Error("no run was killed")
	}
	again := start(t, env, "-dsn", dsn)
	again.ends(t, "")
	if want := "contacts: 0 changed, 0 deleted\nmessages: 0 changed, 0 deleted\n"; again.stdout.String() != want {
		t.Errorf("with nothing to do, the output is:\n%s", &again.stdout)
	}
}

// await waits for a transaction that continues after its client was killed.
func await(t *testing.T, dsn string) {
	t.Helper()
	db, err := open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `UPDATE growthgenius_sync SET version = version`); err != nil {
		t.Fatal(err)
	}
}

// testTwoAtOnce starts two runs from the same checkpoint.
func testTwoAtOnce(t *testing.T, dsn string) {
	t.Helper()
	srv := serve(t)
	srv.day(10)
	start(t, srv.env(), "-dsn", dsn).ends(t, "")
	srv.day(10)

	// Neither run gets a list before both have requested one.
	var requested atomic.Int32
	both := make(chan struct{})
	env := srv.front(t, func() {
		if requested.Add(1) == 2 {
			close(both)
		}
		<-both
	}, func() {})
	one, other := start(t, env, "-dsn", dsn), start(t, env, "-dsn", dsn)
	_, _ = one.Wait(), other.Wait()
	if one.ProcessState.ExitCode() != 0 {
		one, other = other, one
	}
	if code := one.ProcessState.ExitCode(); code != 0 {
		t.Errorf("both failed: %s%s", &one.stderr, &other.stderr)
	}
	if got := other.stderr.String(); other.ProcessState.ExitCode() != 1 || !strings.Contains(got, anotherRun) {
		t.Errorf("exit %d: %s", other.ProcessState.ExitCode(), got)
	}
	srv.same(t, dsn)
}

// testHostile stores values that a database may not accept.
func testHostile(t *testing.T, dsn string) {
	t.Helper()
	srv := serve(t)
	srv.AddContacts(growthgenius.Contact{FullName: "nul \x00", Extra: map[string]json.RawMessage{
		"surrogate": json.RawMessage(`"\ud800"`), "number": json.RawMessage(`1e999`), "nul": json.RawMessage(`"\u0000"`),
	}}, growthgenius.Contact{FullName: "'; DROP TABLE growthgenius_contacts; --"})
	srv.ahead.Add(int64(time.Hour))
	start(t, srv.env(), "-dsn", dsn).ends(t, "")
	got := read(t, dsn)
	for i, name := range []string{"nul ", "'; DROP TABLE growthgenius_contacts; --"} {
		c := srv.Contacts()[i]
		want := []string{"", name, "", "", stamp(c.UpdatedAt), asJSON(t, c)}
		if row := got["contact "+string(c.ID)]; !slices.Equal(row, want) {
			t.Errorf("got  %q\nwant %q", row, want)
		}
	}
}

func testAnotherUser(t *testing.T, dsn string) {
	t.Helper()
	srv := serve(t)
	srv.day(3)
	start(t, srv.env(), "-dsn", dsn).ends(t, "")
	start(t, srv.envFor("2", srv.URL()), "-dsn", dsn, "-full").ends(t, "the copy of user 1")
	srv.same(t, dsn)
}
