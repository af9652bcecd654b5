using System.Diagnostics;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;
using ClipTrain.Trainer.State;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Loop;

/// <summary>What the loop needs beside its options.</summary>
/// <param name="TotalSteps">Length of the run.</param>
/// <param name="CorpusSamples">Pairs in the corpus, for the epoch count.</param>
/// <param name="Generation">The membership that takes these steps.</param>
/// <param name="Mixture">Epochs of each corpus, where there are several.</param>
public sealed record TrainingPlan(long TotalSteps, long CorpusSamples, int Generation, MixtureEpochs? Mixture = null);

/// <summary>
/// The steps of one generation, from the state's step to the run's last or to the next regrouping. Runs on the torch thread.
/// </summary>
public sealed class TrainingLoop(
    RunOptions options,
    TrainingPlan plan,
    TrainingState state,
    RankGroup group,
    TrainingLoader loader,
    CheckpointWriter writer,
    ITrainingControl control,
    TimeProvider time
) : IDisposable
{
    private static readonly TimeSpan LookForStop = TimeSpan.FromMilliseconds(500);

    private readonly TrainingStep _step = new(
        state,
        options.Training,
        group,
        new LearningRateSchedule(options.Training.LearningRate, options.Training.WarmupSteps, plan.TotalSteps)
    );

    private readonly ImageInput _images = RunPlan.Images(options);
    private readonly LoaderWatch _watch = new();
    private long _lastCheckpoint = time.GetTimestamp();
    private TimeSpan _busy;
    private StepResult _last = new(Loss: 0, GradientNorm: 0, LearningRate: 0, LogitScale: null, LogitBias: null);

    /// <summary>Trains to the end or until asked to stop or to regroup.</summary>
    public LoopEnd Run(CancellationToken cancellation)
    {
        // A rank may have been lost after the last step and before its checkpoint.
        if (state.Step == plan.TotalSteps)
        {
            Checkpoint();
            writer.Finish();
        }

        while (state.Step < plan.TotalSteps)
        {
            writer.ThrowIfFailed();
            var asked = TakeStep(cancellation);
            var last = state.Step == plan.TotalSteps;
            // Moments that are spread over the ranks survive a regrouping only on disk.
            var leaves = asked == Directive.Stop || (asked == Directive.Regroup && options.Training.ShardOptimizer);
            if (last || leaves || asked == Directive.Checkpoint || IsPeriodic())
                Checkpoint();
            if (last || leaves)
                writer.Finish();
            if (!last && asked >= Directive.Regroup)
                return asked == Directive.Stop ? LoopEnd.Stopped : LoopEnd.Regroup;
        }

        return LoopEnd.Completed;
    }

    public void Dispose() => _step.Dispose();

    /// <summary>Takes a step; returns the strongest wish of any rank, the same on all.</summary>
    private Directive TakeStep(CancellationToken cancellation)
    {
        var (started, waited) = (time.GetTimestamp(), group.Waited);
        using var scope = NewDisposeScope();
        using var batch = TakeBatch(out var wish, cancellation);
        if (batch is not null && batch.Step != state.Step)
            throw new UnreachableException($"The loader gave step {batch.Step} for step {state.Step}.");

        // One small exchange tells every rank what all have read and lets them agree on what to do after this step.
        if (wish == Directive.Continue && CheckpointIsDue())
            wish = Directive.Checkpoint;
        StepExchange[] ranks = [.. group.AllGather(StepExchange.Of(batch, wish, _busy).ToRow()).Select(StepExchange.FromRow)];
        // A rank that stops without a batch stops all before this step.
        if (batch is null || ranks.Any(rank => rank.IsWithoutBatch))
            return Directive.Stop;
        StepShare[] shares = [.. ranks.Select(rank => rank.Share)];
        // All ranks see the same counts, and none must enter a collective over no rows.
        var result = ranks.All(rank => rank.Samples == 0)
            ? Skip(batch, shares)
            : _step.Take(
                TrainingBatch.Of(batch, _images, options.Model, options.Seed, options.Data.LabelColumn is not null),
                [.. ranks.Select(rank => rank.Samples)]
            );
        _last = result;
        state.BadSamples += shares.Sum(share => share.BadSamples);

        var elapsed = time.GetElapsedTime(started);
        _busy = elapsed - (group.Waited - waited);
        state.TrainingSeconds += elapsed.TotalSeconds;
        control.StepCommitted(
            new StepRecord(
                plan.Generation,
                Metrics(
                    result,
                    ranks.Sum(rank => rank.Samples),
                    elapsed.TotalSeconds,
                    batch.Wait,
                    ranks.Sum(rank => rank.TruncatedCaptions)
                ),
                shares
            )
        );
        return ranks.Max(rank => rank.Wish);
    }

    /// <summary>
    /// Waits for the next batch, unless asked to stop meanwhile: stopping must not wait for a disk or a decoder. Null then.
    /// </summary>
    private Batch? TakeBatch(out Directive wish, CancellationToken cancellation)
    {
        wish = control.TakeDirective();
        while (!loader.Wait(LookForStop, cancellation))
        {
            wish = (Directive)Math.Max((int)wish, (int)control.TakeDirective());
            if (wish == Directive.Stop)
                return null;
        }

        return loader.Take(cancellation);
    }

    /// <summary>
    /// Counts a step whose samples are unusable on every rank; weights and moments stay, and its record has the loss of the step before.
    /// </summary>
    /// <exception cref="CorpusException">data.max_bad_share does not allow it; thrown on every rank.</exception>
    private StepResult Skip(Batch batch, StepShare[] shares)
    {
        var (bad, badSoFar) = (shares.Sum(share => share.BadSamples), state.BadSamples);
        if (badSoFar + bad > options.Data.MaxBadShare * (state.Samples + badSoFar + bad))
        {
            throw new CorpusException(
                $"all {bad} samples of step {state.Step + 1} could not be used"
                    + (batch.FirstBad is { } first ? $", for example {first}" : "")
                    + ". Repair the corpus, leave these rows out with data.filter, or raise data.max_bad_share "
                    + $"({options.Data.MaxBadShare:P1})"
            );
        }

        state.Step++;
        return _last with { GradientNorm = 0, LearningRate = 0 };
    }

    private StepMetrics Metrics(StepResult result, long pairs, double seconds, TimeSpan dataWait, long truncated) =>
        new()
        {
            Step = state.Step,
            Samples = state.Samples,
            Epoch = (state.Samples + state.BadSamples) / (double)plan.CorpusSamples,
            Loss = result.Loss,
            LogitScale = result.LogitScale,
            GradientNorm = result.GradientNorm,
            LearningRate = result.LearningRate,
            StepSeconds = seconds,
            ImagesPerSecond = pairs / seconds,
            DataWaitShare = dataWait.TotalSeconds / seconds,
            BadSamples = state.BadSamples,
            TruncatedCaptions = truncated,
            Loader = _watch.Look(loader.Figures),
            Objective = OptionSection.SnakeCase(options.Training.Objective.ToString()),
            LogitBias = result.LogitBias,
            CorpusEpochs = plan.Mixture?.After(state.Step),
            LossScale = result.LossScale,
            SkippedSteps = result.LossScale is null ? null : state.SkippedSteps,
        };

    private bool IsPeriodic() => options.Checkpoint.EverySteps > 0 && state.Step % options.Checkpoint.EverySteps == 0;

    /// <summary>Ranks' clocks differ, so that minutes are a wish of rank 0 and not a rule.</summary>
    private bool CheckpointIsDue() =>
        group.Rank == 0
        && options.Checkpoint.EveryMinutes > 0
        && time.GetElapsedTime(_lastCheckpoint).TotalMinutes >= options.Checkpoint.EveryMinutes;

    private void Checkpoint()
    {
        _lastCheckpoint = time.GetTimestamp();
        // A run that is stopped before its first step begins anew.
        if (state.Step > 0 && StateTransfer.Gather(state, group) is { } snapshot)
            writer.Begin(snapshot);
    }
}

/// <summary>Why the training loop came to its end; the same on all ranks.</summary>
public enum LoopEnd
{
    /// <summary>The last step is committed and its checkpoint written.</summary>
    Completed,

    /// <summary>Asked to stop; a checkpoint of the state is written.</summary>
    Stopped,

    /// <summary>Asked to leave the group and join again with others.</summary>
    Regroup,
}
