using System.Runtime.InteropServices;
using ClipTrain.Coordinator.Core;
using ClipTrain.Coordinator.Hosting;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Evaluation;
using ClipTrain.Trainer.Telemetry;
using Serilog;
using Serilog.Events;
using Serilog.Extensions.Logging;
using Spectre.Console;

namespace ClipTrain.Trainer.Runs;

/// <summary>A run of this machine from the coordinator's side: prepare its directory, train, evaluate, sum up.</summary>
public sealed class RunSession(RunFiles files, RunOptions options, long corpusSamples, long? resumeStep)
{
    private int _signalExit = ExitCodes.Ok;

    /// <summary>Begins a new run.</summary>
    /// <exception cref="UsageException">Its directory exists.</exception>
    public static RunSession Create(RunOptions options)
    {
        var files = new RunFiles(Path.Combine(options.Output.Directory, options.Name));
        if (Directory.Exists(files.Directory) && Directory.EnumerateFileSystemEntries(files.Directory).Any())
            throw new UsageException($"{files.Directory} exists already. Continue it with `cliptrain resume {files.Directory}`, or begin another with --set name=NAME.");

        // Whatever is wrong with corpus, tokenizer or splits is told before anything is written.
        var manifest = RunPlan.Corpus(options.Data);
        RunPlan.Tokenizer(options);
        RunEvaluation.CheckSplits(options.Evaluation);
        Directory.CreateDirectory(files.Directory);
        File.WriteAllText(files.Config, ConfigWriter.Write(options));
        manifest.Save(files.Manifest);
        return new RunSession(files, options, manifest.SampleCount, resumeStep: null);
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
        var manifest = RunPlan.Corpus(options.Data);
        if (CorpusManifest.Load(files.Manifest).Hash != manifest.Hash)
            throw new CorpusException($"The files of data.train have changed since {files.Manifest} was written. Restore them, or begin a new run.");
        return new RunSession(files, options, manifest.SampleCount, step ?? (steps is [.., var newest] ? newest : null));
    }

    /// <summary>Trains and evaluates; returns the exit code.</summary>
    public async Task<int> RunAsync()
    {
        await using var log = LogSetup.Create(AnsiConsole.Console, files.Log);
        var view = TrainingProgress.Create(AnsiConsole.Console, log, TimeProvider.System);
        var started = TimeProvider.System.GetTimestamp();
        var outcome = await TrainAsync(log, view);
        if (outcome.Kind != OutcomeKind.Completed)
        {
            log.Write(outcome.Kind == OutcomeKind.Failed ? LogEventLevel.Error : LogEventLevel.Information, "{Message:l}", outcome.Message);
            return outcome.Kind == OutcomeKind.Failed ? outcome.ExitCode ?? ExitCodes.WorkerLost : _signalExit;
        }

        log.Information("Trained in {Seconds:F0} s; evaluating.", TimeProvider.System.GetElapsedTime(started).TotalSeconds);
        return RunReport.EvaluateAndWrite(files, options, log);
    }

    private async Task<RunOutcome> TrainAsync(ILogger log, IProgressView view)
    {
        var total = RunPlan.TotalSteps(options.Training, corpusSamples);
        using var metrics = MetricsFile.Open(files.Metrics, resumeStep ?? 0);
        using var tensorBoard = options.Output.Tensorboard ? new TensorBoardWriter(files.TensorBoard, TimeProvider.System, resumeStep ?? 0) : null;
        using var loggers = new SerilogLoggerFactory(log);
        var checkpoints = new CheckpointDirectory(files.Checkpoints);
        var run = new LocalRun(new LocalRunOptions
        {
            RunId = options.Name,
            RunDirectory = files.Directory,
            Workers = options.Cluster.Workers,
            CodeVersion = ProgramVersion.Text,
            ConfigHash = ConfigHash.Of(options),
            ResumedFrom = resumeStep is { } step ? new CheckpointMark(step, checkpoints.PathOf(step)) : null,
            Host = new CoordinatorHostOptions { Port = options.Cluster.Port },
            Timeouts = new RunTimeouts
            {
                Heartbeat = TimeSpan.FromSeconds(options.Cluster.HeartbeatTimeoutSeconds),
                Survivors = TimeSpan.FromSeconds(options.Cluster.CollectiveTimeoutSeconds + 30),
            },
            Observer = new RunObserver(view, metrics, tensorBoard, options.Output.LogEverySteps),
            Launch = _ => Launch(),
            Loggers = loggers,
        });

        using var interrupt = OnSignal(PosixSignal.SIGINT, ExitCodes.Interrupted, () => run.RequestStop("Ctrl-C"));
        using var terminate = OnSignal(PosixSignal.SIGTERM, ExitCodes.Terminated, () => run.RequestStop("SIGTERM"));
        view.Start(total, resumeStep ?? 0);
        try
        {
            await using var store = new TcpStoreRendezvous();
            return await run.RunAsync(store);
        }
        finally
        {
            view.Stop();
        }
    }

    private PosixSignalRegistration OnSignal(PosixSignal signal, int exitCode, Action stop) => PosixSignalRegistration.Create(signal, context =>
    {
        context.Cancel = true;
        _signalExit = exitCode;
        stop();
    });

    private WorkerLaunch Launch()
    {
        // Under `dotnet cliptrain.dll` the process is dotnet and needs the program's name again.
        var process = Environment.ProcessPath!;
        string[] program = Path.GetFileNameWithoutExtension(process) == "dotnet" ? [typeof(RunSession).Assembly.Location] : [];
        string[] resume = resumeStep is { } step ? ["--step", step.ToString(System.Globalization.CultureInfo.InvariantCulture)] : [];
        return new WorkerLaunch(process, [.. program, "worker", files.Directory, .. resume])
        {
            Environment = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["OMP_NUM_THREADS"] = RunPlan.ComputeThreads(options.Cluster).ToString(System.Globalization.CultureInfo.InvariantCulture),
            },
        };
    }
}
