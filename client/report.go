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
	if err := c.report(ctx, codec.TopicMembers, &members); err != nil {
		return nil, err
	}
	return members, nil
}

// Info returns figures about the node.
func (c *Client) Info(ctx context.Context) (codec.InfoReport, error) {
	var figures codec.InfoReport
	if err := c.report(ctx, codec.TopicInfo, &figures); err != nil {
		return codec.InfoReport{}, err
	}
	return figures, nil
}

// Verify asks whether all members hold the same.
func (c *Client) Verify(ctx context.Context) (codec.VerifyReport, error) {
	var verdict codec.VerifyReport
	if err := c.report(ctx, codec.TopicVerify, &verdict); err != nil {
		return codec.VerifyReport{}, err
	}
	return verdict, nil
}

// report asks for a report and reads it into what into points to.
func (c *Client) report(ctx context.Context, topic codec.Topic, into any) error {
	k, err := c.roundTrip(ctx, &request{kind: codec.KindReport, topic: topic})
	if err != nil {
		return err
	}
	defer c.release(k)
	m, err := codec.DecodeReportResponse(k.body) // a refusal by ValueResponse has the same form
	switch {
	case err != nil:
	case m.Status != codec.StatusOK:
		return refusal(m.Status, m.JSON, ErrNotFound)
	case k.got != k.want:
		err = errors.New("a value in answer to a report")
	default:
		if err = json.Unmarshal(m.JSON, into); err == nil {
			return nil
		}
		err = fmt.Errorf("the report %v cannot be read: %w", topic, err)
	}
	err = fmt.Errorf("%w: %w", ErrProtocol, err)
	c.fail(err)
	return err
}
