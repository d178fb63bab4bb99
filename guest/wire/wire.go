// Package wire encodes and decodes protocol buffers for the generated structs. It owns the bounds:
// a truncated or malformed message is an error, never a panic.
package wire

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Message is what protoc-gen-plain generates.
type Message interface {
	Append(b []byte) []byte
	Decode(data []byte) error
}

// AppendVarint appends a varint field.
func AppendVarint(b []byte, number protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), v)
}

// AppendString appends a string field, also an empty one.
func AppendString(b []byte, number protowire.Number, v string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), v)
}

// AppendBytes appends a bytes field, also an empty one.
func AppendBytes(b []byte, number protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), v)
}

// AppendMessage appends a nested message.
func AppendMessage(b []byte, number protowire.Number, m Message) []byte {
	b = protowire.AppendTag(b, number, protowire.BytesType)
	return protowire.AppendBytes(b, m.Append(nil))
}

// AppendMap appends a map<string, string>.
func AppendMap(b []byte, number protowire.Number, entries map[string]string) []byte {
	for key, value := range entries {
		entry := AppendString(AppendString(nil, 1, key), 2, value)
		b = AppendBytes(b, number, entry)
	}
	return b
}

// Reader walks over the fields of one message. After an error Next returns false.
type Reader struct {
	Data   []byte
	Number protowire.Number
	kind   protowire.Type
	err    error
}

// Next moves to the next field. Each field must then be read or skipped once.
func (r *Reader) Next() bool {
	if r.err != nil || len(r.Data) == 0 {
		return false
	}
	number, kind, n := protowire.ConsumeTag(r.Data)
	if n < 0 {
		r.err = protowire.ParseError(n)
		return false
	}
	r.Number, r.kind, r.Data = number, kind, r.Data[n:]
	return true
}

// Err returns the first failure.
func (r *Reader) Err() error { return r.err }

// Skip passes over a field that is not known.
func (r *Reader) Skip() {
	n := protowire.ConsumeFieldValue(r.Number, r.kind, r.Data)
	r.advance(n)
}

// Varint reads a varint field.
func (r *Reader) Varint() uint64 {
	if !r.is(protowire.VarintType) {
		return 0
	}
	v, n := protowire.ConsumeVarint(r.Data)
	r.advance(n)
	return v
}

// Bytes reads a length-delimited field without copying it.
func (r *Reader) Bytes() []byte {
	if !r.is(protowire.BytesType) {
		return nil
	}
	v, n := protowire.ConsumeBytes(r.Data)
	r.advance(n)
	return v
}

// String reads a string field.
func (r *Reader) String() string { return string(r.Bytes()) }

// Message reads a nested message.
func (r *Reader) Message(m Message) {
	data := r.Bytes()
	if r.err == nil {
		r.err = m.Decode(data)
	}
}

// Packed reads a repeated number, packed or not.
func (r *Reader) Packed(add func(v uint64)) {
	if r.kind == protowire.VarintType {
		add(r.Varint())
		return
	}
	for data := r.Bytes(); len(data) > 0; {
		v, n := protowire.ConsumeVarint(data)
		if n < 0 {
			r.fail(protowire.ParseError(n))
			return
		}
		add(v)
		data = data[n:]
	}
}

// MapEntry reads one entry of a map<string, string>.
func (r *Reader) MapEntry(entries *map[string]string) {
	inner := Reader{Data: r.Bytes()}
	var key, value string
	for inner.Next() {
		switch inner.Number {
		case 1:
			key = inner.String()
		case 2:
			value = inner.String()
		default:
			inner.Skip()
		}
	}
	if inner.err != nil {
		r.fail(inner.err)
		return
	}
	if *entries == nil {
		*entries = make(map[string]string)
	}
	(*entries)[key] = value
}

func (r *Reader) is(kind protowire.Type) bool {
	if r.err == nil && r.kind != kind {
		r.fail(fmt.Errorf("field %d: wire type %d instead of %d", r.Number, r.kind, kind))
	}
	return r.err == nil
}

func (r *Reader) advance(n int) {
	if n < 0 {
		r.fail(errors.Join(fmt.Errorf("field %d", r.Number), protowire.ParseError(n)))
		return
	}
	r.Data = r.Data[n:]
}

func (r *Reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}
