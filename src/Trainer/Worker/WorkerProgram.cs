using ClipTrain.Coordinator.Core;
using ClipTrain.Coordinator.Hosting;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.Torch;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Runs;
using ClipTrain.Trainer.Telemetry;
using ClipTrain.Trainer.Training;
using static ClipTrain.Torch.torch;

namespace ClipTrain.Trainer.Worker;

/// <summary>
/// One worker process: joins the run, trains its share, reports how it ended. Everything of torch happens on one thread.
/// </summary>
public sealed class WorkerProgram(RunFiles files, RunOptions options, long? resumeStep)
{
    private static readonly TimeSpan HeartbeatInterval = TimeSpan.FromMilliseconds(500);
    private readonly CorpusManifest _manifest = CorpusManifest.Load(files.Manifest);
    private readonly string _configHash = ConfigHash.Of(options);

    /// <summary>Runs the worker of this process's environment to its end; returns the exit code.</summary>
    public static int Run(string runDirectory, long? resumeStep)
    {
        using var watch = ParentWatch.Start();
        var identity = WorkerEnvironment.Read();
        var files = new RunFiles(runDirectory);
        var options = RunConfig.Load(files.Config, []).Options;
        using var client = new CoordinatorClient(identity, TimeProvider.System);
        return new WorkerProgram(files, options, resumeStep).RunAsync(client).GetAwaiter().GetResult();
    }

    private async Task<int> RunAsync(CoordinatorClient client)
    {
        var place = await client.JoinAsync(ProgramVersion.Text, _configHash);
        await using var control = new WorkerControl(client, place);
        control.Start(HeartbeatInterval);
        await using var abandon = control.CoordinatorLost.Register(() => Environment.Exit(ExitCodes.WorkerLost));
        using var torchThread = new TorchThread();
        TrainingState? state = null;
        try
        {
            var outcome = torchThread.Run(() => Train(place, control, state = Prepare(place)));
            await control.FlushAsync();
            await client.ReportAsync(place.Generation, outcome, state!.Step, message: null);
            return ExitCodes.Ok;
        }
        catch (DistributedException error)
        {
            var directive = await client.ReportAsync(place.Generation, WorkerOutcome.PeerLost, state?.Step ?? 0, error.Message);
            if (directive == Directive.SaveAloneAndExit && state is not null)
                torchThread.Run(() => SaveAlone(state, control));
            return ExitCodes.WorkerLost;
        }
        catch (Exception error) when (Failure.ExitCodeOf(error) is { } code)
        {
            await client.ReportAsync(place.Generation, WorkerOutcome.Failed, state?.Step ?? 0, error.Message, code);
            return code;
        }
        finally
        {
            if (state is not null)
                torchThread.Run(state.Dispose);
        }
    }

    private TrainingState Prepare(Assignment place)
    {
        set_num_threads(RunPlan.ComputeThreads(options.Cluster));
        var state = new TrainingState(options, options.Cluster.Device == "cpu" ? CPU : device($"{options.Cluster.Device}:{place.Rank}"));
        if (resumeStep is { } step)
            state.Load(new CheckpointDirectory(files.Checkpoints), step, _configHash, _manifest.Hash);
        return state;
    }

    private WorkerOutcome Train(Assignment place, WorkerControl control, TrainingState state)
    {
        using var group = RankGroups.Join(place, options.Cluster);
        var total = RunPlan.TotalSteps(options.Training, _manifest.SampleCount);
        var tower = options.Model.Image;
        var crop = options.Data.Crop;
        using var loader = new TrainingLoader(
            _manifest,
            new SampleOrder(_manifest.GroupRows, options.Seed, options.Data.ShuffleWindow),
            RunPlan.Tokenizer(options),
            () => new ClipImageTransform(new ImageTransformOptions(tower.Size) { MinScale = crop.MinScale, MaxScale = crop.MaxScale, MinRatio = crop.MinRatio, MaxRatio = crop.MaxRatio }),
            new TrainingLoaderOptions
            {
                GlobalBatch = options.Training.GlobalBatch,
                Rank = place.Rank,
                WorldSize = place.WorldSize,
                Seed = options.Seed,
                Threads = RunPlan.DecodeThreads(options.Data, options.Cluster),
                Prefetch = options.Data.Prefetch,
                LongCaptions = options.Data.LongCaptions,
                MaxBadShare = options.Data.MaxBadShare,
                FirstStep = state.Step,
                LastStep = total,
            },
            control.BadSample);
        var plan = new TrainingPlan(total, _manifest.SampleCount, _configHash, _manifest.Hash);
        var checkpoints = new CheckpointDirectory(files.Checkpoints);
        return new TrainingLoop(options, plan, state, group, loader, checkpoints, control, TimeProvider.System).Run(CancellationToken.None);
    }

    private void SaveAlone(TrainingState state, WorkerControl control)
    {
        using var writer = new CheckpointWriter(new CheckpointDirectory(files.Checkpoints), _configHash, _manifest.Hash, options.Checkpoint.Keep, control);
        writer.Begin(state.Snapshot());
        writer.Finish();
    }
}
