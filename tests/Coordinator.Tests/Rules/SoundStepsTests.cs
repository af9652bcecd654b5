using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

/// <summary>What a worker learns from a run's answers of the steps that it may have to go back before.</summary>
public sealed class SoundStepsTests
{
    private readonly RunScript _run = new RunScript(RunScript.Spec(1) with { Rollbacks = 2 }).Form();
    private readonly SoundSteps _steps = new();

    [Fact]
    public void Steps_are_sound_once_an_answer_follows_their_acknowledgement()
    {
        Beat(1, 40);
        Assert.Equal(0, _steps.Last);
        Beat(41, 45);
        Assert.Equal(40, _steps.Last);
        Beat(46, 45);
        Assert.Equal(45, _steps.Last);
    }

    [Fact]
    public void Steps_that_diverged_are_never_sound()
    {
        Beat(1, 30);
        Beat(31, 50);

        // The alert follows the record, so the next answer ends the generation, and repeats that as long as the worker is in it.
        _run.Send(new RunMessage.Diverged(new Divergence(new StepRange(25, 45), new CheckpointMark(20, "checkpoints/step-20"))));
        Beat(51, 60, generation: 1);
        Beat(61, 60, generation: 1);
        Assert.Equal(30, _steps.Last);

        _run.Join(0, held: 60, left: 1);
        _steps.Enter(_run.AssignmentOf(0).StartStep);
        Assert.Equal(20, _steps.Last);
        Beat(21, 30);
        Beat(31, 40);
        Assert.Equal(30, _steps.Last);
    }

    [Fact]
    public void A_planned_regroup_makes_no_step_sound()
    {
        Beat(1, 30);
        Beat(31, 50);
        _steps.Enter(50);
        Assert.Equal(30, _steps.Last);
    }

    private void Beat(long first, long last, int? generation = null)
    {
        var reply = _run.Beat(0, last, generation, RunScript.Records(first, last, generation ?? _run.State.Generation));
        _steps.Hear(Assert.IsType<RunReply.HeartbeatReply>(reply).Answer);
    }
}
