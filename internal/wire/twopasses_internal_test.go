package wire

// UnmarshalInTwoPasses is UnmarshalRecord if the JSON library checks all data first.
func UnmarshalInTwoPasses(data []byte, record any) error {
	dec := borrowDecoder(data)
	defer dec.giveBack()
	valid, err := dec.whole()
	if err != nil || KindOf(valid) == KindNull {
		return err
	}
	return dec.records.record(valid, record)
}

// InTwoPasses makes the JSON library check each record before it is decoded.
func (r *Reader) InTwoPasses() *Reader {
	r.direct.used = true
	return r
}

// ReadsDirectly reports whether no decoder had to take over.
func (r *Reader) ReadsDirectly() bool { return r.direct.active }
