using ClipTrain.Cli.Evaluation;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.InitialWeights;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;
using ClipTrain.Weights.Tensors;
using Spectre.Console;

namespace ClipTrain.Cli.Runs;

/// <summary>A run ready to be hosted: its directory exists, its configuration and corpus are loaded.</summary>
public sealed record PreparedRun(RunFiles Files, RunOptions Options, CorpusManifest Manifest)
{
    private readonly Lazy<SampleOrder> _order = new(() => RunPlan.Order(Manifest, Options));
    private readonly Lazy<ShardPlan> _shards = new(() => new ShardPlan(Manifest, RunPlan.Order(Manifest, Options)));

    /// <summary>Step of the checkpoint that the user chose to resume from; null for the newest.</summary>
    public long? WantedStep { get; init; }

    /// <summary>Steps that change no weight, because the run diverged at them before.</summary>
    public IReadOnlyList<StepRange> PassedOver { get; init; } = [];

    public CheckpointDirectory Checkpoints { get; } = new(Files.Checkpoints);

    /// <summary>Length of the run in steps.</summary>
    public long TotalSteps => RunPlan.TotalSteps(Options.Training, Manifest.SampleCount);

    public SampleOrder Order => _order.Value;

    /// <summary>Prepares a new run.</summary>
    /// <exception cref="UsageException">The run's directory already exists.</exception>
    public static PreparedRun Create(RunOptions options)
    {
        var files = new RunFiles(Path.Combine(options.Output.Directory, options.Name));
        RunFolder.RequireNew(files);

        // Errors in corpus, tokenizer or evaluation are reported before anything is written.
        RunPlan.Tokenizer(options);
        EvaluationCheck.Check(options);
        (options, var manifest) = NewRun.Create(files, options, rule => AnsiConsole.MarkupLineInterpolated($"Selecting: {rule} …"));
        return new PreparedRun(files, options, manifest);
    }

    /// <summary>Prepares to resume a run.</summary>
    /// <param name="run">Run directory, or its name under runs/.</param>
    /// <param name="step">Step of the checkpoint to resume from; null for the newest.</param>
    /// <exception cref="UsageException">The run does not exist.</exception>
    /// <exception cref="WeightsException">The checkpoint does not exist.</exception>
    public static PreparedRun Resume(string run, long? step)
    {
        var files = RunFiles.Find(run);
        if (!File.Exists(files.Manifest))
        {
            throw new UsageException(
                $"{files.Directory} has a config.yaml but no manifest.json: its creation was interrupted before the run started. Delete "
                    + "it, then start the run again."
            );
        }

        var options = RunConfig.Load(files.Config, []).Options;
        var steps = new CheckpointDirectory(files.Checkpoints).Steps();
        if (step is { } wanted && !steps.Contains(wanted))
        {
            throw new WeightsException(
                $"{files.Checkpoints} has no checkpoint of step {wanted}; available steps: {string.Join(", ", steps)}."
            );
        }

        try
        {
            var manifest = RunCorpus.Continue(
                options,
                CorpusManifest.Load(files.Manifest),
                difference =>
                    $"The files of the corpus have changed since {files.Manifest} was written: {difference}. Restore them, or start a "
                    + "new run.",
                touched =>
                    AnsiConsole.WriteLine(
                        $"Warning: {touched} since the run started; the compared parts are unchanged. "
                            + "`cliptrain data verify --checksums` compares all bytes."
                    )
            );
            return new PreparedRun(files, options, manifest) { WantedStep = step, PassedOver = Rollback.Read(files) };
        }
        catch (CorpusException e) when (FolderBegunIn(files, options.Output) is { } folder && folder != Environment.CurrentDirectory)
        {
            throw new CorpusException(
                $"{e.Message.TrimEnd('.')}. The run's paths are relative to the folder in which it was started: go to {folder} and "
                    + "resume it there.",
                e
            );
        }
    }

    /// <summary>
    /// Prepares the run of a run file, or resumes it if its directory exists, so that a supervisor can repeat the same
    /// command after a crash.
    /// </summary>
    /// <param name="configOrRun">A run file or a run's directory.</param>
    /// <param name="sets">Overrides of keys in the run file.</param>
    /// <exception cref="UsageException">The directory contains a different run.</exception>
    public static PreparedRun Open(string configOrRun, IReadOnlyList<string> sets)
    {
        if (!File.Exists(configOrRun))
        {
            return Resume(configOrRun, step: null);
        }

        var options = RunConfig.Load(configOrRun, sets).Options;
        var files = new RunFiles(Path.Combine(options.Output.Directory, options.Name));
        if (!File.Exists(files.Config))
        {
            return Create(options);
        }

        return ConfigHash.Of(RunConfig.Load(files.Config, []).Options) == ConfigHash.Of(options)
            ? Resume(files.Directory, step: null)
            : throw new UsageException(
                $"{files.Directory} contains a run with a different configuration. Continue that one with `cliptrain coordinator "
                    + $"{files.Directory}`, or start another run with --set name=NAME."
            );
    }

    /// <summary>The shards that the ranks of a generation read.</summary>
    public ShardPlan Shards => _shards.Value;

    /// <summary>Settings that are fixed for the whole run.</summary>
    /// <param name="managedWorkers">Number of workers started by nodes; others join by themselves.</param>
    public RunSpec Spec(int managedWorkers) =>
        new(Options.Name, Options.Cluster.Workers, ProgramVersion.Text, ConfigHash.Of(Options), Manifest.Hash)
        {
            MinWorkers = Options.Cluster.MinWorkers ?? Options.Cluster.Workers,
            MaxWorkers = Options.Cluster.MaxWorkers ?? Options.Cluster.Workers,
            ManagedWorkers = managedWorkers,
            TotalSteps = TotalSteps,
            GlobalBatch = Options.Training.GlobalBatch,
            ResumeAs = Files.Directory,
            Rollbacks = Options.Checkpoint.Rollbacks,
            PassedOver = PassedOver.Count > 0 ? PassedOver : null,
            Timeouts = new RunTimeouts
            {
                Forming = TimeSpan.FromSeconds(Options.Cluster.FormingTimeoutSeconds),
                Heartbeat = TimeSpan.FromSeconds(Options.Cluster.HeartbeatTimeoutSeconds),
                Regroup = TimeSpan.FromSeconds(Options.Cluster.CollectiveTimeoutSeconds + 30),
            },
        };

    /// <summary>
    /// The newest complete checkpoint on disk, even if its writer died before reporting it; null if there is none.
    /// </summary>
    public CheckpointMark? FindCheckpoint() =>
        Checkpoints.Steps().LastOrDefault(Checkpoints.IsComplete) is var step and > 0
            ? new CheckpointMark(step, Checkpoints.PathOf(step))
            : null;

    /// <summary>The folder in which the run was started, inferred from its directory; null if unknown.</summary>
    private static string? FolderBegunIn(RunFiles files, OutputOptions output)
    {
        var (directory, runs) = (
            Path.GetFullPath(files.Directory),
            Path.DirectorySeparatorChar + output.Directory.Trim(Path.DirectorySeparatorChar) + Path.DirectorySeparatorChar
        );
        return !Path.IsPathRooted(output.Directory) && directory.LastIndexOf(runs, StringComparison.Ordinal) is > 0 and var end
            ? directory[..end]
            : null;
    }
}
