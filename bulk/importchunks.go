package bulk

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/growthgenius/growthgenius-go"
)

// What is known of many rows is stored in chunks, each under a key of its own.

// chunkRows is how many rows a chunk has at most.
const chunkRows = 1024

// digest identifies the row among all of its input.
func (r *row) digest() uint64 {
	sum := sha256.Sum256(r.identity())
	return binary.BigEndian.Uint64(sum[:])
}

func (b book) chunkKey(of string, n int) string { return b.prefix + of + "/" + strconv.Itoa(n) }

// writeChunk stores numbers as the n-th chunk of something.
func (b book) writeChunk(ctx context.Context, of string, n int, numbers []uint64) error {
	data := make([]byte, 0, 8*len(numbers))
	for _, number := range numbers {
		data = binary.BigEndian.AppendUint64(data, number)
	}
	return b.with(ctx, b.chunkKey(of, n), func(lease growthgenius.Lease) error {
		return store(ctx, lease, growthgenius.Entry{Note: encode(data)})
	})
}

// readChunks returns the numbers in all chunks of something, and how many chunks there are.
func (b book) readChunks(ctx context.Context, of string) (numbers []uint64, chunks int, err error) {
	for ; ; chunks++ {
		e, err := entryOf(ctx, b.ledger, b.chunkKey(of, chunks))
		if err != nil || e.Note == nil {
			return numbers, chunks, err
		}
		var data []byte
		if err := json.Unmarshal(e.Note, &data); err != nil {
			return nil, 0, fmt.Errorf("reading %s in the ledger: %w", b.chunkKey(of, chunks), err)
		}
		for number := range slices.Chunk(data, 8) {
			numbers = append(numbers, binary.BigEndian.Uint64(number))
		}
	}
}

// plan is what a dry run would do: by the digests of the rows, those of the steps.
type plan map[uint64]uint64

// pairs returns the plan in the order of the digests, and what identifies it.
func (p plan) pairs() (all []uint64, id string) {
	h := sha256.New()
	for _, row := range slices.Sorted(maps.Keys(p)) {
		all = append(all, row, p[row])
		fmt.Fprintln(h, row, p[row])
	}
	return all, hex.EncodeToString(h.Sum(nil)[:8])
}

// writePlan stores a plan, and returns what identifies it.
func (b book) writePlan(ctx context.Context, p plan) (string, error) {
	all, id := p.pairs()
	n := 0
	for chunk := range slices.Chunk(all, 2*chunkRows) {
		if err := b.writeChunk(ctx, "plan/"+id, n, chunk); err != nil {
			return "", err
		}
		n++
	}
	return id, nil
}

// readPlan reads a plan.
func (b book) readPlan(ctx context.Context, id string) (plan, error) {
	all, _, err := b.readChunks(ctx, "plan/"+id)
	if err != nil {
		return nil, err
	}
	p := plan{}
	for pair := range slices.Chunk(all, 2) {
		p[pair[0]] = pair[1]
	}
	if _, found := p.pairs(); found != id {
		return nil, fmt.Errorf("%w: the ledger has no dry run with the digest %q: run it again", growthgenius.ErrInvalidInput, id)
	}
	return p, nil
}

// unchanged are rows that have changed nothing. A write for each would take longer than to
// find that out again, which is what happens to those that are not stored when a run is killed.
type unchanged struct {
	known  map[uint64]bool // what earlier runs have stored
	chunks int             // how many are stored
	rows   []uint64        // to be stored
}

const unchangedChunks = "unchanged"

func (b book) readUnchanged(ctx context.Context) (unchanged, error) {
	rows, chunks, err := b.readChunks(ctx, unchangedChunks)
	u := unchanged{known: make(map[uint64]bool, len(rows)), chunks: chunks}
	for _, row := range rows {
		u.known[row] = true
	}
	return u, err
}

// noteUnchanged stores that a row has changed nothing, with others.
func (im *importer) noteUnchanged(ctx context.Context, r *row) error {
	im.mu.Lock()
	im.unchanged.rows = append(im.unchanged.rows, r.digest())
	full := len(im.unchanged.rows) == chunkRows
	im.mu.Unlock()
	if !full {
		return nil
	}
	return im.flushUnchanged(ctx)
}

// flushUnchanged stores the rows that are not stored yet.
func (im *importer) flushUnchanged(ctx context.Context) error {
	im.mu.Lock()
	rows, n := im.unchanged.rows, im.unchanged.chunks
	im.unchanged.rows = nil
	if len(rows) > 0 {
		im.unchanged.chunks++
	}
	im.mu.Unlock()
	if len(rows) == 0 {
		return nil
	}
	return im.book.writeChunk(ctx, unchangedChunks, n, rows)
}
