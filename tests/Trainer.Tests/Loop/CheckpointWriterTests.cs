using ClipTrain.Coordinator.Protocol;
using ClipTrain.Tests.Shared;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.State;

namespace ClipTrain.Trainer.Tests.Loop;

public sealed class CheckpointWriterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly TrainingState _state = new(TinyClip.Run());
    private readonly ManualResetEventSlim _answers = new();
    private readonly SemaphoreSlim _asked = new(0);
    private readonly List<long> _reported = [];

    private CheckpointDirectory Checkpoints => new(_folder.Path);

    public void Dispose()
    {
        _state.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Checkpoints_are_written_while_none_can_be_reported_and_the_newest_is_reported_later()
    {
        using var writer = Writer(step =>
        {
            _asked.Release();
            _answers.Wait();
            _reported.Add(step);
        });
        Begin(writer, 1);
        _asked.Wait();
        Begin(writer, 2);
        Begin(writer, 3);
        Begin(writer, 4);

        Assert.Equal([1, 2, 3], Checkpoints.Steps().Where(step => step < 4));

        _answers.Set();
        writer.Finish();
        Assert.Equal([1, 4], _reported.Where(step => step != 3));
        Assert.Equal(4, _reported[^1]);
    }

    [Fact]
    public void A_coordinator_that_is_lost_is_an_error_of_the_next_call_and_the_checkpoint_stays()
    {
        using var writer = Writer(_ => throw new CoordinatorLostException("gone"));
        Begin(writer, 1);

        Assert.Throws<CoordinatorLostException>(writer.Finish);
        Assert.Throws<CoordinatorLostException>(writer.ThrowIfFailed);
        Assert.Equal(1, Checkpoints.Verify(1).Step);
    }

    [Theory]
    [InlineData(0, new long[] { 60, 65 })]
    [InlineData(1, new long[] { 20, 25, 30, 35, 40, 45, 50, 55, 60, 65 })]
    public void A_run_that_may_go_back_keeps_what_it_may_have_to_go_back_to(int rollbacks, long[] kept)
    {
        using var writer = new CheckpointWriter(
            Checkpoints,
            "config",
            "corpus",
            new CheckpointOptions { Keep = 2, Rollbacks = rollbacks },
            new Control(_ => { }) { SoundStep = 42 }
        );
        for (var step = 5; step <= 65; step += 5)
        {
            Begin(writer, step);
        }

        writer.Finish();
        Assert.Equal(kept, Checkpoints.Steps());
    }

    private CheckpointWriter Writer(Action<long> report) =>
        new(Checkpoints, "config", "corpus", new CheckpointOptions { Keep = 5 }, new Control(report));

    private void Begin(CheckpointWriter writer, long step)
    {
        _state.Step = step;
        writer.Begin(_state.Snapshot());
    }

    private sealed class Control(Action<long> report) : ITrainingControl
    {
        public Directive TakeDirective() => Directive.Continue;

        public void StepCommitted(StepRecord record) { }

        public IReadOnlyList<StepRecord> Unrecorded(long upToStep) => [];

        public long SoundStep { get; init; }

        public void CheckpointWritten(long step, string directory) => report(step);
    }
}
