//go:build unix

package redisstore_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/growthgenius/growthgenius-go/internal/fleet"
	"github.com/growthgenius/growthgenius-go/internal/testkit/fleettest"
	"github.com/growthgenius/growthgenius-go/redisstore"
)

// TestLimiterScript: the script does what fleet.State.Turn does, whatever it is told.
func TestLimiterScript(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	client := s.client(t, nil)
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			sameAsModel(t, client, seed)
		})
	}
}

// sameAsModel takes steps of a limiter at random.
func sameAsModel(t *testing.T, client *redis.Client, seed uint64) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 1))
	store := redisstore.LimiterState(redisstore.New(client, redisstore.Options{Timeout: 10 * time.Second}), fmt.Sprint(seed))
	model := fleet.State{}
	gap, burst := 100+rnd.Int64N(60_000), 1+rnd.Int64N(6)
	var tickets [4]fleet.Ticket
	var full, known int64
	learns := seed%2 == 1
	for i := range 250 {
		process := rnd.IntN(len(tickets))
		q := fleet.Request{
			Ticket: tickets[process], Want: rnd.Int64N(10), Batch: 1 + rnd.Int64N(8), Gap: gap, Burst: burst, Full: full,
		}
		if learns && i == 100 { // the lease of the process that learns ends
			time.Sleep(fleet.Lease*time.Microsecond + 200*time.Millisecond)
		}
		if learns {
			q.Burst, q.ID, q.Gap = 1, int64(process)+1, known
			q.Events = strings.Repeat("event\n", rnd.IntN(3))
			switch rnd.IntN(20) {
			case 0, 1, 2, 3:
				q.Memory, q.Gap = fmt.Sprint("memory ", i), rnd.Int64N(2)*rnd.Int64N(gap)
			case 4:
				q.Memory, q.Until = "pause", model.Now+rnd.Int64N(10_000)
			case 5:
				q.Hold = rnd.Int64N(5_000)
			case 6:
				q.Events = strings.Repeat("many events\n", 3000)
			}
		}
		switch rnd.IntN(40) {
		case 0:
			q.Pause = rnd.Int64N(5_000)
		case 1:
			q.Full = 1 << 52
		case 2:
			q.Ticket.Epoch++
		case 3:
			time.Sleep(time.Duration(rnd.IntN(130)) * time.Millisecond)
		case 4, 5, 6, 7:
			time.Sleep(time.Duration(rnd.IntN(int(gap))) * time.Microsecond)
		}
		got, err := store.Turn(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if want := model.Turn(got.Now, q); got != want {
			t.Fatalf("seed %d, step %d: %+v returned %+v, want %+v", seed, i, q, got, want)
		}
		tickets[process], full, known = got.Ticket, max(full, got.Full), got.Gap
	}
}

func init() {
	processes["limiter"] = func() int {
		client := redis.NewClient(&redis.Options{Network: "unix", Addr: os.Getenv(socketEnv)})
		defer func() { _ = client.Close() }()
		return fleettest.Process(redisstore.LimiterState(redisstore.New(client, redisstore.Options{}), "limiter"))
	}
}

// socketEnv names the socket of Redis.
const socketEnv = "REDISSTORE_SOCKET"

// TestLimiterFleet measures 8 processes, and kills Redis meanwhile. It starts again empty.
func TestLimiterFleet(t *testing.T) {
	s := startRedis(t)
	fleettest.Measure(t, func(env ...string) *exec.Cmd {
		return command(t.Context(), t, "limiter", append(env, socketEnv+"="+s.Socket())...)
	}, func() {
		s.kill(t)
		time.Sleep(500 * time.Millisecond)
		s.start(t)
	})
}

// TestLimiter: a limiter of a store limits those of its prefix and name, and returns the
// error of a setting that is not valid.
func TestLimiter(t *testing.T) {
	t.Parallel()
	client := startRedis(t).client(t, nil)
	one := redisstore.New(client, redisstore.Options{Timeout: 10 * time.Second})
	begun := time.Now()
	for i := range 6 {
		l := one.Limiter(redisstore.LimiterOptions{Name: "key", PerSecond: 50})
		if i%2 == 1 { // as another process
			l = redisstore.New(client, redisstore.Options{Timeout: 10 * time.Second}).Limiter(redisstore.LimiterOptions{Name: "key", PerSecond: 50})
		}
		if err := l.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if took := time.Since(begun); took < 95*time.Millisecond {
		t.Errorf("6 requests at 50 a second took %s", took)
	}
	if n := client.Exists(t.Context(), "growthgenius:limiter:key").Val(); n != 1 {
		t.Errorf("%d keys", n)
	}
	if err := one.Limiter(redisstore.LimiterOptions{PerSecond: -1}).Wait(t.Context()); err == nil {
		t.Error("a negative rate is valid")
	}
}
