package growthgeniusriver_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/growthgeniusriver"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/ledger"
)

// Order is a job: the customer of an order becomes a contact.
type Order struct {
	Number int `json:"number"`
}

func (Order) Kind() string { return "order" }

type OrderWorker struct {
	river.WorkerDefaults[Order]
	client *growthgenius.Client
}

func (w *OrderWorker) Work(ctx context.Context, job *river.Job[Order]) error {
	customer := customers[job.Args.Number] // from your database
	contact, err := w.client.Contacts.Create(ctx,
		growthgenius.ContactInput{FullName: growthgenius.Set(customer)},
		growthgeniusriver.Once(job.JobRow, "contact"))
	if err != nil {
		return err
	}
	_, err = w.client.Messages.Create(ctx,
		growthgenius.MessageInput{ContactID: growthgenius.Set(contact.ID), RenderedCopy: growthgenius.Set("Thank you")},
		growthgeniusriver.Once(job.JobRow, "thanks"))
	return err
}

var customers = map[int]string{4711: "Ana Lima", 4712: "Bo Diaz"}

// newQueue returns a client of River that works orders.
func newQueue(db *sql.DB, client *growthgenius.Client) (*river.Client[*sql.Tx], error) {
	config := &river.Config{
		Queues:  map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 8}},
		Workers: river.NewWorkers(),
	}
	river.AddWorker(config.Workers, &OrderWorker{client: client})
	driver := riversqlite.New(db)
	if err := growthgeniusriver.Configure(driver, config, growthgeniusriver.Options{}); err != nil {
		return nil, err
	}
	return river.NewClient(driver, config)
}

// Two orders become two contacts with a message each, though the API refuses the first requests.
func Example() {
	ctx := context.Background()
	srv, err := growthgeniustest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	db, remove := openDatabase(ctx)
	defer remove()
	before := len(srv.Contacts())

	client := srv.Client(
		growthgenius.WithRetry(growthgenius.RetryPolicy{MaxRetryAfter: growthgeniusriver.MaxRetryAfter}),
		growthgenius.WithLedger(ledger.NewMemory())) // processes share one of sqlstore or redisstore
	srv.Inject(growthgeniustest.Fault{Status: 429, Times: 2})
	queue, err := newQueue(db, client)
	if err != nil {
		log.Fatal(err)
	}
	done, stop := queue.Subscribe(river.EventKindJobCompleted)
	defer stop()
	if err := queue.Start(ctx); err != nil {
		log.Fatal(err)
	}
	for number := range customers {
		if _, err := queue.Insert(ctx, Order{number}, nil); err != nil {
			log.Fatal(err)
		}
	}
	for range customers {
		event := <-done
		fmt.Println(event.Job.Kind, event.Job.State, "attempts:", event.Job.Attempt)
	}
	if err := queue.Stop(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(srv.Contacts())-before, "contacts")
	// Output:
	// order completed attempts: 1
	// order completed attempts: 1
	// 2 contacts
}

// A queue is paused for an hour, together with a change of the program's own.
func ExamplePauseTx() {
	ctx := context.Background()
	db, remove := openDatabase(ctx)
	defer remove()
	queue, err := newQueue(db, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := queue.Start(ctx); err != nil { // creates the queue in the database
		log.Fatal(err)
	}
	defer func() { _ = queue.Stop(ctx) }()

	pause := func() error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		until := time.Now().Add(time.Hour)
		if err := growthgeniusriver.PauseTx(ctx, queue, tx, river.QueueDefault, until); err != nil {
			return err
		}
		return tx.Commit()
	}
	if err := pause(); err != nil {
		log.Fatal(err)
	}
	state, err := queue.QueueGet(ctx, river.QueueDefault)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("paused:", state.PausedAt != nil)
	// Output:
	// paused: true
}

// openDatabase returns a new SQLite database with the tables of River, and a function that
// removes it.
func openDatabase(ctx context.Context) (*sql.DB, func()) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(filepath.Join(dir, "river.db"))+"?_pragma=journal_mode(wal)&_pragma=busy_timeout(10000)&_txlock=immediate")
	if err != nil {
		log.Fatal(err)
	}
	migrator, err := rivermigrate.New(riversqlite.New(db), &rivermigrate.Config{Logger: quiet})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		log.Fatal(err)
	}
	return db, func() {
		_ = db.Close()
		_ = os.RemoveAll(dir)
	}
}
