package rpc

import (
	"google.golang.org/protobuf/encoding/protowire"

	"ctr/guest/gen/guestpb"
	"ctr/guest/h2"
	"ctr/guest/output"
	"ctr/guest/stream"
)

// What one message carries. Larger ones make no difference over a virtio-serial port.
const chunkBytes = 256<<10 - 64

// output streams from the ring into the connection; the bytes are not copied in between.
func (s *Server) output(call *h2.Call, data []byte) error {
	request := new(guestpb.OutputRequest)
	if err := request.Decode(data); err != nil {
		return &h2.Status{Code: h2.InvalidArgument, Message: err.Error()}
	}
	p, err := s.followed(request.ProcessId)
	if err != nil {
		return err
	}
	p.Follow()
	var head [64]byte
	_, halves := p.(*stream.Stream) // its output may end long before it does
	for offset := request.FromOffset; ; {
		chunk, wait := p.Ring().Next(offset, chunkBytes)
		switch {
		case len(chunk.Data) > 0:
			if err := call.Send(appendChunkHead(head[:0], chunk), chunk.Data); err != nil {
				return err
			}
			offset = chunk.Offset + uint64(len(chunk.Data))
			continue
		case wait == nil: // the ring is closed; a process's exit follows at once
			wait = p.Done()
			if halves && p.Exit() == nil {
				halves = false
				if err := call.Send((&guestpb.OutputEvent{End: &guestpb.Empty{}}).Append(nil), nil); err != nil {
					return err
				}
			}
		}
		select {
		case <-wait:
		case <-call.Done():
			return h2.ErrCancelled
		}
		if exit := p.Exit(); exit != nil && offset >= exit.OutputEndOffset {
			return call.Send((&guestpb.OutputEvent{Exit: exit}).Append(nil), nil)
		}
	}
}

// appendChunkHead encodes OutputEvent{data: OutputData{…}} up to the bytes of data, which is the
// last field of both.
func appendChunkHead(b []byte, chunk output.Chunk) []byte {
	var inner [40]byte
	body := protowire.AppendTag(inner[:0], 1, protowire.VarintType)
	body = protowire.AppendVarint(body, uint64(chunk.Stream))
	body = protowire.AppendTag(body, 2, protowire.VarintType)
	body = protowire.AppendVarint(body, chunk.Offset)
	body = protowire.AppendTag(body, 3, protowire.BytesType)
	body = protowire.AppendVarint(body, uint64(len(chunk.Data)))
	b = protowire.AppendTag(b, 1, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(len(body)+len(chunk.Data)))
	return append(b, body...)
}
