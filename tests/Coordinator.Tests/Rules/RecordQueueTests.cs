using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Tests.Rules;

public sealed class RecordQueueTests
{
    [Theory]
    [InlineData(0, 1)]
    [InlineData(511, 1)]
    [InlineData(512, 1)]
    [InlineData(513, 1)]
    [InlineData(2000, 8)]
    [InlineData(100, 1000)]
    [InlineData(5, 20_000)]
    public void All_records_arrive_once_and_in_order_in_bounded_batches(int count, int world)
    {
        var queue = Filled(count, world);
        var arrived = new List<long>();
        RecordBatch batch;
        do
        {
            batch = queue.Batch();
            Assert.InRange(batch.Records.Count, Math.Min(1, count - arrived.Count), RecordQueue.BatchRecords);
            Assert.True(batch.Records.Count <= 1 || batch.Records.Sum(record => record.Shares.Count) <= RecordQueue.BatchShares);
            arrived.AddRange(batch.Records.Select(record => record.Metrics.Step));
            Assert.Equal(arrived.Count < count, batch.HasMore);
            queue.Acknowledge(arrived.LastOrDefault());
        } while (batch.HasMore);

        Assert.Equal(Enumerable.Range(1, count).Select(step => (long)step), arrived);
        Assert.Equal((0, 0), (queue.Count, queue.Bytes));
    }

    [Fact]
    public void A_batch_is_the_same_until_it_is_acknowledged()
    {
        var queue = Filled(600, 1);
        Assert.Equal(queue.Batch().Records, queue.Batch().Records);
        queue.Acknowledge(0);
        queue.Acknowledge(-1);
        Assert.Equal(600, queue.Count);
        queue.Acknowledge(3);
        Assert.Equal(4, queue.Batch().Records[0].Metrics.Step);
    }

    [Theory]
    [InlineData(10, 10, false)]
    [InlineData(1000, 512, true)]
    [InlineData(512, 512, false)]
    [InlineData(0, 0, false)]
    public void Steps_that_another_rank_tells_of_are_left_out_and_are_not_more(long upToStep, int expected, bool hasMore)
    {
        var batch = Filled(2000, 1).Batch(upToStep);
        Assert.Equal((expected, hasMore), (batch.Records.Count, batch.HasMore));
    }

    [Fact]
    public void Undone_steps_are_dropped_and_can_be_added_again()
    {
        var queue = Filled(10, 2);
        queue.DropAfter(7);
        Assert.Equal([1, 2, 3, 4, 5, 6, 7], queue.UpTo(long.MaxValue).Select(record => record.Metrics.Step));
        Assert.Equal(7 * RecordQueue.BytesOf(RunScript.Record(1, 1, 0, 0)), queue.Bytes);
        queue.Add(RunScript.Record(8, 2, 0, 0));
        Assert.Equal([1, 2, 8], queue.UpTo(8).Where(record => record.Metrics.Step is < 3 or > 7).Select(record => record.Metrics.Step));
        Assert.Equal([1, 2], queue.UpTo(2).Select(record => record.Metrics.Step));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    [InlineData(4096)]
    public void A_worker_that_steps_only_while_there_is_room_keeps_to_the_bound_and_loses_nothing(int world)
    {
        var queue = new RecordQueue();
        var record = RunScript.Record(1, 1, new double[world]);
        var step = 0L;
        while (queue.HasRoom)
        {
            step++;
            queue.Add(record with { Metrics = record.Metrics with { Step = step } });
        }

        Assert.InRange(queue.Bytes, RecordQueue.MaxBytes, RecordQueue.MaxBytes + RecordQueue.BytesOf(record) - 1);
        Assert.Equal(step, queue.Count);
        queue.Acknowledge(queue.Batch().Records[^1].Metrics.Step);
        Assert.True(queue.HasRoom);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(64)]
    [InlineData(4096)]
    public void The_estimate_of_memory_is_no_lower_than_what_a_record_takes(int world)
    {
        const int Count = 64;
        var kept = new StepRecord[Count];
        kept[0] = Rich(0);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < Count; i++)
        {
            kept[i] = Rich(i + 1);
        }

        var each = (GC.GetAllocatedBytesForCurrentThread() - before) / Count;
        Assert.InRange(each, RecordQueue.BytesOf(kept[0]) / 3, RecordQueue.BytesOf(kept[0]));

        // As it comes of a training step: all figures, in objects of their own.
        StepRecord Rich(long step)
        {
            var stage = new StageMetrics(1, 0.5, 0.1, 0.1);
            var loader = new LoaderMetrics(stage with { }, stage with { }, stage with { }, stage with { }, 1, 1);
            return new StepRecord(1, RunScript.Metrics(step) with { Loader = loader, Objective = "clip" }, new StepShare[world]);
        }
    }

    private static RecordQueue Filled(int count, int world)
    {
        var queue = new RecordQueue();
        for (var step = 1; step <= count; step++)
        {
            queue.Add(RunScript.Record(step, 1, new double[world]));
        }

        return queue;
    }
}
