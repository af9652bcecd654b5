using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Experiments;
using ClipTrain.Experiments.Sweeps;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Models.Cost;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;
using ClipTrain.Trainer.State;

namespace ClipTrain.Cli.Sweeps;

/// <summary>Resolver of trials: loads the base run file with overrides, as <c>cliptrain train</c> does.</summary>
internal sealed class RunResolver(Sweep sweep) : ITrialResolver
{
    private readonly Dictionary<string, long?> _samples = new(StringComparer.Ordinal);

    public ResolvedTrial Resolve(IReadOnlyList<KeyValuePair<string, string>> values)
    {
        try
        {
            // Name and location do not affect a trial's identity.
            var options = RunConfig.Load(sweep.Base, [.. values.Select(value => $"{value.Key}={value.Value}")]).Options with
            {
                Name = "trial",
                Output = new OutputOptions { Tensorboard = false },
            };
            if (sweep.Curve && options.Evaluation.EverySteps == 0)
            {
                throw new ExperimentException(
                    $"{sweep.Path}: curve needs trials that are evaluated while they train. Set evaluation.every_steps, in {sweep.Base} or "
                        + "under set."
                );
            }

            if (TrialFigures.Of(options) is var figures && !TrialFigures.Has(figures, sweep.Metric))
            {
                throw new ExperimentException(
                    $"{sweep.Path}: metric is {sweep.Metric}, which a trial will not measure; give one of: {string.Join(", ", figures)}."
                );
            }

            var objective = options.Training.Objective;
            var unique = Samples(options);
            var steps = options.Training.Steps ?? (unique is { } samples ? RunPlan.TotalSteps(options.Training, samples) : null);
            return new ResolvedTrial(ConfigWriter.Write(options), ConfigWriter.WriteChanged(options))
            {
                Parameters = ObjectiveCost.Parameters(options.Model, objective),
                Macs = ObjectiveCost.Macs(options.Model, objective),
                GlobalBatch = options.Training.GlobalBatch,
                Steps = steps,
                Unique = unique,
                Precision = OptionSection.SnakeCase(options.Training.Precision.ToString()),
                DiskBytes = SnapshotFiles.ByteCount(options, steps ?? 0) * MostCheckpoints(options, steps),
                Gpus = options.Cluster.Device == "cpu" ? 0 : options.Cluster.Workers,
            };
        }
        catch (ConfigException e)
        {
            throw new ExperimentException(
                $"{sweep.Path}: a trial is invalid:\n{e.Message.Replace("--set ", "", StringComparison.Ordinal)}"
            );
        }
    }

    /// <summary>Number of checkpoints that a run may keep: with minutes between them it is unknown how many it writes.</summary>
    private static long MostCheckpoints(RunOptions options, long? steps)
    {
        var (checkpoint, best) = (options.Checkpoint, options.Evaluation.BestFigure is null ? 0 : 1);
        var written =
            checkpoint.EveryMinutes > 0 ? long.MaxValue
            : checkpoint.EverySteps > 0 && steps is not null ? (steps.Value + checkpoint.EverySteps - 1) / checkpoint.EverySteps
            : 1;
        return Math.Min(written, checkpoint.Keep + best);
    }

    /// <summary>Number of samples in a trial's corpus; null if it cannot be read.</summary>
    private long? Samples(RunOptions options)
    {
        var key = ConfigWriter.Write(
            new RunOptions
            {
                Model = options.Model,
                Data = options.Data,
                Training = new TrainingOptions { GlobalBatch = 1 },
            }
        );
        if (_samples.TryGetValue(key, out var known))
        {
            return known;
        }

        try
        {
            known = RunCorpus.Select(options).SampleCount;
        }
        catch (Exception e) when (e is CorpusException or UsageException or IOException)
        {
            known = null;
        }

        return _samples[key] = known;
    }
}
