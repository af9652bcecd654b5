using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Hosting;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Evaluation;
using ClipTrain.Trainer.Starting;
using ClipTrain.Trainer.Telemetry;
using Serilog;
using Serilog.Events;
using Spectre.Console;

namespace ClipTrain.Trainer.Runs;

/// <summary>A run from the coordinator's side: prepare its directory, train, evaluate, sum up.</summary>
public sealed class RunSession(RunFiles files, RunOptions options, CorpusManifest manifest, long? resumeStep)
{
    private readonly CheckpointDirectory _checkpoints = new(files.Checkpoints);

    /// <summary>Begins a new run.</summary>
    /// <exception cref="UsageException">Its directory exists.</exception>
    public static RunSession Create(RunOptions options)
    {
        var files = new RunFiles(Path.Combine(options.Output.Directory, options.Name));
        if (Directory.Exists(files.Directory) && Directory.EnumerateFileSystemEntries(files.Directory).Any())
            throw new UsageException($"{files.Directory} exists already. Continue it with `cliptrain resume {files.Directory}`, or begin another with --set name=NAME.");

        // Whatever is wrong with corpus, tokenizer or splits is told before anything is written.
        RunPlan.Tokenizer(options);
        RunEvaluation.CheckSplits(options);
        var start = Examine(options);
        var manifest = RunCorpus.Select(options, rule => AnsiConsole.MarkupLineInterpolated($"Selecting: {rule} …"));
        Directory.CreateDirectory(files.Directory);
        if (start is not null)
        {
            start.Save(files.StartFrom);
            options = options with { Training = options.Training with { StartFromSha256 = start.Sha256 } };
        }

        File.WriteAllText(files.Config, ConfigWriter.Write(options));
        manifest.Save(files.Manifest);
        return new RunSession(files, options, manifest, resumeStep: null);
    }

    /// <summary>Continues a run from its newest checkpoint that is whole, or from the one of a given step.</summary>
    /// <exception cref="UsageException">There is no such run.</exception>
    /// <exception cref="CheckpointException">There is no such checkpoint.</exception>
    public static RunSession Resume(string run, long? step)
    {
        var files = RunFiles.Find(run);
        var options = RunConfig.Load(files.Config, []).Options;
        var steps = new CheckpointDirectory(files.Checkpoints).Steps();
        if (step is { } wanted && !steps.Contains(wanted))
            throw new CheckpointException($"{files.Checkpoints}: has no checkpoint of step {wanted}; there are: {string.Join(", ", steps)}.");
        var manifest = RunCorpus.Continue(
            options.Data, CorpusManifest.Load(files.Manifest), difference => $"The files of the corpus have changed since {files.Manifest} was written: {difference}. Restore them, or begin a new run.");
        return new RunSession(files, options, manifest, step ?? (steps is [.., var newest] ? newest : null));
    }

    /// <summary>Begins the run of a run file, or continues it when its directory is there already, so that a supervisor can give the same command again after a crash.</summary>
    /// <param name="configOrRun">A run file or a run's directory.</param>
    /// <param name="sets">Keys set on top of the file.</param>
    /// <exception cref="UsageException">The directory is that of another run.</exception>
    public static RunSession Open(string configOrRun, IReadOnlyList<string> sets)
    {
        if (!File.Exists(configOrRun))
            return Resume(configOrRun, step: null);
        var options = RunConfig.Load(configOrRun, sets).Options;
        var files = new RunFiles(Path.Combine(options.Output.Directory, options.Name));
        if (!File.Exists(files.Config))
            return Create(options);
        return ConfigHash.Of(RunConfig.Load(files.Config, []).Options) == ConfigHash.Of(options)
            ? Resume(files.Directory, step: null)
            : throw new UsageException($"{files.Directory} holds a run of another configuration. Continue that one with `cliptrain coordinator {files.Directory}`, or begin another with --set name=NAME.");
    }

    /// <summary>Trains on workers that this process starts, and evaluates; returns the exit code.</summary>
    public Task<int> RunAsync() => RunAsync(resumeStep ?? 0, TrainLocallyAsync);

    /// <summary>Trains on workers that come by themselves, and evaluates; returns the exit code.</summary>
    /// <param name="host">Where to listen.</param>
    /// <param name="tokenFile">The file that the token was read from, for the line that tells how workers join.</param>
    public Task<int> ServeAsync(CoordinatorHostOptions host, string? tokenFile)
    {
        var spec = Spec(managedWorkers: 0);
        var left = LeftBehind(spec);
        return RunAsync(left is null ? resumeStep ?? 0 : null, (records, signals) =>
            new ServedRun(files, records, FindCheckpoint()).RunAsync(host, tokenFile, left ?? RunState.Create(spec, ResumedFrom(), TimeProvider.System.GetUtcNow()), signals));
    }

    /// <summary>
    /// What a coordinator that was killed knew of its run; its workers train on, or have given it up meanwhile and left a
    /// newer checkpoint than it knew. Null when no run was left unfinished.
    /// </summary>
    private RunState? LeftBehind(RunSpec spec)
    {
        if (FileRunJournal.Read(files.Journal) is not { HasEnded: false } state || state.Spec.CodeVersion != spec.CodeVersion || state.Spec.ManagedWorkers > 0)
            return null;
        return resumeStep > (state.LastCheckpoint?.Step ?? 0) ? state with { LastCheckpoint = ResumedFrom() } : state;
    }

    /// <param name="fromStep">The step that training goes on from; null where workers hold what the ledger has.</param>
    /// <param name="train">Trains to the end.</param>
    private async Task<int> RunAsync(long? fromStep, Func<RunRecords, StopSignals, Task<RunOutcome>> train)
    {
        using var signals = new StopSignals();
        Directory.CreateDirectory(files.Directory);
        await using var log = LogSetup.Create(AnsiConsole.Console, files.Log);
        using var @lock = RunLock.Acquire(files.Lock, TimeProvider.System);
        if (manifest.Selection is { } selection)
            log.Information("{Rows} rows in the corpus, {Samples} selected. {Steps:l}.", manifest.RowCount, manifest.SampleCount, string.Join("; ", selection.Steps));
        WarnOfSharedPartitions(log);
        if (resumeStep is null && File.Exists(files.StartFrom))
            StartReport.Read(files.StartFrom).Log(log);
        var started = TimeProvider.System.GetTimestamp();
        RunOutcome outcome;
        var found = resumeStep is { } step ? _checkpoints.Unrecorded(step) : [];
        using (var records = new RunRecords(files, options, RunPlan.TotalSteps(options.Training, manifest.SampleCount), fromStep, found, log))
        {
            outcome = await train(records, signals);
        }

        _checkpoints.RemoveLeftovers();

        if (outcome.Kind != OutcomeKind.Completed)
        {
            log.Write(outcome.Kind == OutcomeKind.Failed ? LogEventLevel.Error : LogEventLevel.Information, "{Message:l}", outcome.Message);
            return outcome.Kind == OutcomeKind.Failed ? outcome.ExitCode ?? ExitCodes.WorkerLost : signals.ExitCode;
        }

        log.Information("Trained in {Seconds:F0} s; evaluating.", TimeProvider.System.GetElapsedTime(started).TotalSeconds);
        return RunReport.EvaluateAndWrite(files, options, log);
    }

    private void WarnOfSharedPartitions(Serilog.ILogger log)
    {
        var workers = Math.Max(options.Cluster.Workers, options.Cluster.MaxWorkers ?? 0);
        if (RunPlan.Order(manifest, options).Schedule.LaneCount is var lanes && workers > lanes)
            log.Warning("A batch is mixed from {RowGroups} row groups, so that {Workers} workers read each of them {Times:F1} times; data.shuffle_window: {Workers} would let each read its own alone.", lanes, workers, (double)workers / lanes, workers);
    }

    private static StartReport? Examine(RunOptions options)
    {
        if (options.Training.StartFrom is null)
            return null;
        using var weights = new StartWeights(options);
        return weights.Examine();
    }

    private async Task<RunOutcome> TrainLocallyAsync(RunRecords records, StopSignals signals)
    {
        var run = new LocalRun(new LocalRunOptions
        {
            Spec = Spec(managedWorkers: options.Cluster.Workers),
            ResumedFrom = ResumedFrom(),
            FindCheckpoint = FindCheckpoint(),
            Host = new CoordinatorHostOptions { Port = options.Cluster.Port },
            Journal = new FileRunJournal(files.Journal),
            Ledger = records.Ledger,
            Observer = records.Observer,
            Launch = _ => Launch(),
            Loggers = records.Loggers,
        });
        signals.Attach(run.RequestStop);
        return await run.RunAsync();
    }

    private RunSpec Spec(int managedWorkers) => new(options.Name, options.Cluster.Workers, ProgramVersion.Text, ConfigHash.Of(options), manifest.Hash)
    {
        MinWorkers = options.Cluster.MinWorkers ?? options.Cluster.Workers,
        MaxWorkers = options.Cluster.MaxWorkers ?? options.Cluster.Workers,
        ManagedWorkers = managedWorkers,
        ResumeAs = files.Directory,
        Timeouts = new RunTimeouts
        {
            Forming = TimeSpan.FromSeconds(options.Cluster.FormingTimeoutSeconds),
            Heartbeat = TimeSpan.FromSeconds(options.Cluster.HeartbeatTimeoutSeconds),
            Regroup = TimeSpan.FromSeconds(options.Cluster.CollectiveTimeoutSeconds + 30),
        },
    };

    /// <summary>Checkpoints that were there before may lie beyond the step that the user chose to resume from.</summary>
    private Func<CheckpointMark?> FindCheckpoint()
    {
        var before = _checkpoints.Steps().ToHashSet();
        return () => _checkpoints.Steps().LastOrDefault(step => !before.Contains(step)) is var step && step > 0 ? Mark(step) : null;
    }

    private CheckpointMark Mark(long step) => new(step, _checkpoints.PathOf(step));

    private CheckpointMark? ResumedFrom() => resumeStep is { } step ? Mark(step) : null;

    private WorkerLaunch Launch()
    {
        // Under `dotnet cliptrain.dll` the process is dotnet and needs the program's name again.
        var process = Environment.ProcessPath!;
        string[] program = Path.GetFileNameWithoutExtension(process) == "dotnet" ? [typeof(RunSession).Assembly.Location] : [];
        var threads = RunPlan.ComputeThreads(options.Cluster, RunPlan.CoresOfLocalWorker(options.Cluster));
        return new WorkerLaunch(process, [.. program, "worker", files.Directory])
        {
            Environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["OMP_NUM_THREADS"] = threads.ToString(System.Globalization.CultureInfo.InvariantCulture) },
        };
    }
}
