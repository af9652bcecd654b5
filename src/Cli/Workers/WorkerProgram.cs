using System.Net;
using ClipTrain.Cli.Evaluation;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Torch.Collectives;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;
using ClipTrain.Trainer.Worker;

namespace ClipTrain.Cli.Workers;

/// <summary>
/// Worker process: joins the run, trains its share, and rejoins after each generation until the run ends. All torch
/// calls happen on one thread.
/// </summary>
public sealed class WorkerProgram(
    RunFiles files,
    RunOptions options,
    CorpusManifest manifest,
    WorkerIdentity identity,
    RunConnection connection
)
{
    private static readonly TimeSpan HeartbeatInterval = TimeSpan.FromMilliseconds(500);

    /// <summary>Runs the worker until it exits. Returns the exit code.</summary>
    public async Task<int> RunAsync()
    {
        var patience = TimeSpan.FromSeconds(options.Cluster.CoordinatorTimeoutSeconds);
        var client = connection.Client(identity.WorkerId, patience);
        await using var control = new WorkerControl(client, identity.Incarnation, HeartbeatInterval, patience);
        var checkpoints = new CheckpointDirectory(files.Checkpoints);
        using var writer = new CheckpointWriter(checkpoints, ConfigHash.Of(options), manifest.Hash, options.Checkpoint, control);
        using var torchThread = new TorchThread();
        var training = new WorkerTraining(options, manifest, identity, client, control, writer, checkpoints)
        {
            Probe = new ProbeBatch(options, manifest, files.Directory, control.Warn).Look,
        };
        try
        {
            return await TrainAsync(client, control, torchThread, training);
        }
        catch (CoordinatorLostException error) when (training.CommittedStep > 0)
        {
            throw new CoordinatorLostException(
                $"{error.Message} This worker stopped after step {training.CommittedStep}. Restart the coordinator and the workers: "
                    + $"they resume from the newest checkpoint in {checkpoints.Root}.",
                error
            );
        }
        finally
        {
            torchThread.Run(training.Dispose);
        }
    }

    /// <summary>Joins the run, trains a generation, and joins again until the run ends.</summary>
    private async Task<int> TrainAsync(CoordinatorClient client, WorkerControl control, TorchThread torchThread, WorkerTraining training)
    {
        var request = Request();
        while (true)
        {
            var answer = await client.JoinAsync(request);
            if (answer.Assignment is not { } assignment)
            {
                if (answer.Directive == Directive.SaveAloneAndExit)
                {
                    torchThread.Run(training.SaveAlone);
                }

                return IsByHand
                    ? throw new CoordinatorRefusedException("The run has ended, or continues without this worker.")
                    : ExitCodes.WorkerLost;
            }

            var over = control.Enter(assignment);
            string? reason = null;
            try
            {
                var end = torchThread.Run(() => Train(training, assignment, over));
                if (
                    end != LoopEnd.Regroup
                    && await ReportAsync(client, control, assignment, end, training.CommittedStep) != Directive.Rejoin
                )
                {
                    return ExitCodes.Ok;
                }
            }
            catch (DistributedException error)
            {
                reason = error.Message;
            }
            catch (Exception error)
                when (Failure.ExitCodeOf(error) is { } code && error is not (CoordinatorLostException or CoordinatorRefusedException))
            {
                // The ledger has all steps before the failed one.
                await control.LeaveAsync();
                var directive = await client.ReportAsync(
                    new WorkerReport(
                        client.WorkerId,
                        identity.Incarnation,
                        assignment.Generation,
                        WorkerOutcome.Failed,
                        training.CommittedStep
                    )
                    {
                        Message = error.Message,
                        ExitCode = code,
                        Diverged = error is NonFiniteException,
                    }
                );
                if (directive != Directive.Rejoin)
                {
                    if (IsByHand)
                    {
                        throw;
                    }

                    return code;
                }
            }

            await control.LeaveAsync();
            request = Request() with { HeldStep = training.HeldStep, LeftGeneration = assignment.Generation, Reason = reason };
        }
    }

    /// <summary>Trains a generation from its start to its end.</summary>
    /// <exception cref="DistributedException">The generation broke.</exception>
    private static LoopEnd Train(WorkerTraining training, Assignment assignment, CancellationToken over)
    {
        try
        {
            using var loop = training.Enter(assignment, over);
            return loop.Run(over);
        }
        catch (Exception error)
        {
            training.Abandon(error);
            throw;
        }
    }

    private async Task<Directive> ReportAsync(
        CoordinatorClient client,
        WorkerControl control,
        Assignment assignment,
        LoopEnd end,
        long step
    )
    {
        await control.FlushAsync();
        var outcome = end == LoopEnd.Completed ? WorkerOutcome.Completed : WorkerOutcome.Stopped;
        return await client.ReportAsync(new WorkerReport(client.WorkerId, identity.Incarnation, assignment.Generation, outcome, step));
    }

    /// <summary>True for a worker started by hand, which prints why it ended. For a node's worker the run's log says so.</summary>
    private bool IsByHand => identity.Start is null;

    private JoinRequest Request() =>
        new(identity.WorkerId, identity.Incarnation)
        {
            ProcessId = Environment.ProcessId,
            Host = Dns.GetHostName(),
            Address = identity.Address,
            Device = identity.Device == "cpu" ? null : $"{Dns.GetHostName()}/{NameOf(identity.Device)}",
            CodeVersion = ProgramVersion.Text,
            ConfigHash = ConfigHash.Of(options),
            CorpusHash = manifest.Hash,
            Start = identity.Start,
        };

    /// <summary>What tells a GPU from the others of its machine; its number, if it has no name.</summary>
    private static string NameOf(string device) => GpuName.Of(ComputeDevice.Index(device)) ?? device;
}
