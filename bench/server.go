package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// newHandler returns a handler with each payload under its name, with lists of any length
// under /list/{length}, and with searches of any number of pages, delayed by wait, under
// /search/{pages}/{wait}.
func newHandler() (http.Handler, error) {
	mux := http.NewServeMux()
	r, err := newRecord()
	if err != nil {
		return nil, err
	}
	singles := r.singles()
	mux.HandleFunc("GET /"+ours+"/contacts/{id}", func(w http.ResponseWriter, req *http.Request) {
		id, err := strconv.Atoi(req.PathValue("id"))
		if err != nil || id < firstID || id >= firstID+people {
			http.NotFound(w, req)
			return
		}
		reply(w, singles[id-firstID])
	})
	for _, c := range clients {
		if c.name != handWritten || c.payload == ours {
			continue
		}
		body, err := payload(c.payload)
		if err != nil {
			return nil, err
		}
		serve := func(w http.ResponseWriter, _ *http.Request) { reply(w, body) }
		mux.HandleFunc("GET /"+c.payload+"/", serve)
		if c.payload == "stripe-go" {
			mux.HandleFunc("GET /v1/", serve)
		}
	}
	mux.HandleFunc("GET /list/{length}/contacts", func(w http.ResponseWriter, req *http.Request) {
		n, err := strconv.Atoi(req.PathValue("length"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = r.list(w, n)
	})
	mux.HandleFunc("POST /search/{pages}/{wait}/contacts/search", func(w http.ResponseWriter, req *http.Request) {
		var search struct {
			Page int `json:"page"`
		}
		pages, err := strconv.Atoi(req.PathValue("pages"))
		wait, waitErr := time.ParseDuration(req.PathValue("wait"))
		if err = errors.Join(err, waitErr, json.NewDecoder(req.Body).Decode(&search)); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if !sleep(req.Context(), wait) {
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(r.page(max(1, search.Page), pageSize, pages*pageSize))
	})
	return mux, nil
}

const pageSize = 25

func reply(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // an error means that the client is gone
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// serveEnv is the environment variable that makes this program the server. The server is
// a process of its own, so that its allocations are not measured.
const serveEnv = "GROWTHGENIUS_BENCH_SERVE"

// serve prints its address and serves until its standard input ends.
func serve(ctx context.Context, in io.Reader, out io.Writer) error {
	handler, err := newHandler()
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "http://%s\n", listener.Addr()); err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	go func() {
		_, _ = io.Copy(io.Discard, in)
		_ = server.Close()
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// crmEnv is the environment variable that makes this program a server in memory that has
// contacts. Its value is the number of rows of the import, and the latency.
const crmEnv = "GROWTHGENIUS_BENCH_CRM"

// crmKey is the API key of a server in memory.
const crmKey = "growthgeniustest-key"

// serveCRM prints its address and serves until its standard input ends.
func serveCRM(in io.Reader, out io.Writer) error {
	var rows int
	var wait string
	if _, err := fmt.Sscan(os.Getenv(crmEnv), &rows, &wait); err != nil {
		return err
	}
	latency, err := time.ParseDuration(wait)
	if err != nil {
		return err
	}
	srv, err := startCRM(rows, latency)
	if err != nil {
		return err
	}
	defer srv.Close()
	if _, err := fmt.Fprintln(out, srv.URL()); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return err
}

// startServer starts the server that an environment variable chooses in a process of its own.
func startServer(ctx context.Context, env string) (url string, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	child := exec.CommandContext(ctx, self) //nolint:gosec // the program itself
	child.Env = append(os.Environ(), env)
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	out, err := child.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := child.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = in.Close()
		_ = child.Wait()
	}
	url, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return "", nil, fmt.Errorf("the server did not start: %w", err)
	}
	return strings.TrimSpace(url), stop, nil
}
