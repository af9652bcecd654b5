using System.Diagnostics;
using ClipTrain.Coordinator.Core;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.Torch;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Optimization;
using static ClipTrain.Torch.torch;

namespace ClipTrain.Trainer.Training;

/// <summary>What the loop needs beside its options.</summary>
/// <param name="TotalSteps">Length of the run.</param>
/// <param name="CorpusSamples">Pairs in the corpus, for the epoch count.</param>
public sealed record TrainingPlan(long TotalSteps, long CorpusSamples, string ConfigHash, string CorpusHash);

/// <summary>The steps of a run from the state's step to the last, with checkpoints on the way. Runs on the torch thread.</summary>
public sealed class TrainingLoop(
    RunOptions options,
    TrainingPlan plan,
    TrainingState state,
    RankGroup group,
    TrainingLoader loader,
    CheckpointDirectory checkpoints,
    ITrainingControl control,
    TimeProvider time)
{
    private readonly TrainingStep _step = new(
        state,
        options.Training,
        group,
        new LearningRateSchedule(options.Training.LearningRate, options.Training.WarmupSteps, plan.TotalSteps));

    private long _lastCheckpoint = time.GetTimestamp();

    /// <summary>Trains to the end or until asked to stop.</summary>
    public WorkerOutcome Run(CancellationToken cancellation)
    {
        using var writer = new CheckpointWriter(checkpoints, plan.ConfigHash, plan.CorpusHash, options.Checkpoint.Keep, control);
        while (state.Step < plan.TotalSteps)
        {
            writer.ThrowIfFailed();
            var asked = TakeStep(cancellation);
            var last = state.Step == plan.TotalSteps;
            if (last || asked >= Directive.Checkpoint || IsPeriodic())
                Checkpoint(writer);
            if (last || asked == Directive.Stop)
                writer.Finish();
            if (asked == Directive.Stop && !last)
                return WorkerOutcome.Stopped;
        }

        return WorkerOutcome.Completed;
    }

    /// <summary>Takes a step; returns the strongest wish of any rank, the same on all.</summary>
    private Directive TakeStep(CancellationToken cancellation)
    {
        var started = time.GetTimestamp();
        using var scope = NewDisposeScope();
        using var batch = loader.Take(cancellation);
        if (batch.Step != state.Step)
            throw new UnreachableException($"The loader gave step {batch.Step} for step {state.Step}.");

        // One small exchange tells every rank the sizes of all shares and lets them agree on what to do after this step.
        var wish = control.TakeDirective();
        if (wish == Directive.Continue && CheckpointIsDue())
            wish = Directive.Checkpoint;
        var shares = group.AllGather([batch.Count, batch.BadSamples, (long)wish]);
        var result = _step.Take(TrainingBatch.Of(batch, options), [.. shares.Select(share => share[0])]);
        state.BadSamples += shares.Sum(share => share[1]);

        var seconds = time.GetElapsedTime(started).TotalSeconds;
        state.TrainingSeconds += seconds;
        var pairs = shares.Sum(share => share[0]);
        control.StepCommitted(new StepMetrics(
            state.Step,
            state.Samples,
            (state.Samples + state.BadSamples) / (double)plan.CorpusSamples,
            result.Loss,
            result.LogitScale,
            result.GradientNorm,
            result.LearningRate,
            seconds,
            pairs / seconds,
            batch.Wait.TotalSeconds / seconds,
            state.BadSamples));
        return (Directive)shares.Max(share => share[2]);
    }

    private bool IsPeriodic() => options.Checkpoint.EverySteps > 0 && state.Step % options.Checkpoint.EverySteps == 0;

    /// <summary>Ranks' clocks differ, so that minutes are a wish of rank 0 and not a rule.</summary>
    private bool CheckpointIsDue() => group.Rank == 0 && options.Checkpoint.EveryMinutes > 0
        && time.GetElapsedTime(_lastCheckpoint).TotalMinutes >= options.Checkpoint.EveryMinutes;

    private void Checkpoint(CheckpointWriter writer)
    {
        _lastCheckpoint = time.GetTimestamp();
        if (StateTransfer.Gather(state, group) is { } snapshot)
            writer.Begin(snapshot);
    }
}
