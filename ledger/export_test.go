package ledger

// Seal makes a line of a file.
var Seal = seal

// Members returns what is in a line before the offset of its write.
func Members(l []byte) []byte {
	members := l[:len(l)-sumLength]
	for i := len(members) - 1; ; i-- {
		if members[i] == ',' {
			return members[:i]
		}
	}
}

// Waits reports whether a call waits for the key.
func (f *File) Waits(key string) bool {
	n, _ := f.turns.Waiting(key)
	return n > 0
}

// Spoil makes all writes to the file fail.
func (f *File) Spoil() {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = f.file.Close()
}
