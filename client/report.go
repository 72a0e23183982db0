package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"covey/codec"
)

// Members returns whom the node knows, itself included.
func (c *Client) Members(ctx context.Context) ([]codec.MemberReport, error) {
	var members []codec.MemberReport
	err := c.report(ctx, codec.TopicMembers, &members)
	return members, err
}

// Info returns figures about the node.
func (c *Client) Info(ctx context.Context) (codec.InfoReport, error) {
	var figures codec.InfoReport
	err := c.report(ctx, codec.TopicInfo, &figures)
	return figures, err
}

// Verify asks whether all members hold the same.
func (c *Client) Verify(ctx context.Context) (codec.VerifyReport, error) {
	var verdict codec.VerifyReport
	err := c.report(ctx, codec.TopicVerify, &verdict)
	return verdict, err
}

// report asks for a report and reads it into what into points to.
func (c *Client) report(ctx context.Context, topic codec.Topic, into any) error {
	k, err := c.roundTrip(ctx, &request{kind: codec.KindReport, topic: topic})
	if err != nil {
		return err
	}
	defer c.release(k)
	m, err := codec.DecodeReportResponse(k.body) // a refusal by ValueResponse has the same form
	if err == nil && k.got != k.want && m.Status == codec.StatusOK {
		err = errors.New("a value in answer to a report")
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrProtocol, err)
		c.fail(err)
		return err
	}
	if m.Status != codec.StatusOK {
		return refusal(m.Status, m.JSON, ErrNotFound)
	}
	if err := json.Unmarshal(m.JSON, into); err != nil {
		return fmt.Errorf("%w: the report %v cannot be read: %w", ErrProtocol, topic, err)
	}
	return nil
}
