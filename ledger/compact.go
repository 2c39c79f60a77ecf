package ledger

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	growthgenius "github.com/growthgenius/growthgenius-go"
)

// compact writes the file anew, and puts it in place of the former one in one step. It
// needs mu, and no write may be under way. After an error nothing can be written.
func (f *File) compact() error {
	err := f.rewrite()
	if err != nil && f.broken == nil {
		f.broken = fmt.Errorf("ledger: compacting failed, close the ledger and open it again: %w", err)
	}
	return err
}

func (f *File) rewrite() error {
	path := f.path + suffixNew
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600) //nolint:gosec // the caller names the file
	if err != nil {
		return err //nolint:wrapcheck // names the file
	}
	index, end, err := f.copyTo(file)
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		_ = os.Remove(path)
		return err //nolint:wrapcheck // names the file
	}
	if f.file != nil { // Windows does not replace a file that is open
		_ = f.file.Close()
	}
	if err = os.Rename(path, f.path); err == nil {
		err = syncFolder(f.path)
	}
	if err != nil {
		return err //nolint:wrapcheck // names the file
	}
	if f.file, err = os.OpenFile(f.path, os.O_RDWR, 0); err != nil {
		return err //nolint:wrapcheck // names the file
	}
	f.index, f.end = index, end
	return nil
}

// copyTo writes the header and the newest line of each key, in their order.
func (f *File) copyTo(to io.Writer) (index map[digest]place, end int64, err error) {
	buffered := bufio.NewWriterSize(to, 1<<20)
	members, err := encode(f.header)
	if err != nil {
		return nil, 0, err
	}
	head := seal(nil, members, 0)
	_, _ = buffered.Write(head) // Flush returns its error
	end = int64(len(head))
	index = make(map[digest]place, len(f.index))
	keys := slices.SortedFunc(maps.Keys(f.index), func(a, b digest) int {
		return cmp.Compare(f.index[a].offset, f.index[b].offset)
	})
	for _, key := range keys {
		at := f.index[key]
		if _, err := io.Copy(buffered, io.NewSectionReader(f.file, at.offset, int64(at.length))); err != nil {
			return nil, 0, err //nolint:wrapcheck // names the file
		}
		at.offset = end
		index[key] = at
		end += int64(at.length)
	}
	return index, end, buffered.Flush() //nolint:wrapcheck // names the file
}

// PurgeFunc removes the entries for which goes returns true, such as those of a person, and
// returns how many. The file is written anew, so that nothing of them is left in it. Those of
// keys that are in use stay.
//
// A create under a key that was removed creates again. If the entry has no ID, a create may
// have happened whose outcome nothing will find out any more: settle it before.
//
// While goes runs, nothing else can use the ledger.
func (f *File) PurgeFunc(goes func(key string, e growthgenius.Entry) bool) (int, error) {
	return f.purge(func(key digest, _ place) (bool, error) {
		l, err := f.read(key)
		if err != nil {
			return false, err
		}
		_, held := f.turns.Waiting(l.Key)
		return !held && goes(l.Key, l.Entry), nil
	})
}

// purge removes what is to go, and returns how much that was.
func (f *File) purge(goes func(key digest, at place) (bool, error)) (removed int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.pause(); err != nil {
		return 0, err
	}
	defer f.resume()
	for key, at := range f.index {
		switch gone, err := goes(key, at); {
		case err != nil:
			return 0, err
		case gone:
			f.set(key, place{}, true)
			removed++
		}
	}
	return removed, f.compact()
}

// syncFolder makes the new name of a file durable. Windows has no such call.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err //nolint:wrapcheck // names the folder
	}
	defer func() { _ = folder.Close() }()
	return folder.Sync() //nolint:wrapcheck // names the folder
}
