using System.CommandLine;
using ClipTrain.Cli.Evaluation;
using ClipTrain.Cli.Evaluation.Workers;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Interop;

namespace ClipTrain.Cli.Commands;

/// <summary><c>eval worker</c>: a process that embeds for another one over its standard streams.</summary>
internal static class EvalWorkerCommand
{
    private const string Name = "worker",
        Device = "--device",
        ThreadCount = "--threads";

    public static Command Create()
    {
        var path = new Argument<string>("MODEL");
        var architecture = ModelExportCommand.Model();
        var device = new Option<string>(Device) { Required = true };
        var threads = new Option<int>(ThreadCount) { Required = true };
        var command = new Command(Name, "Embed what another process sends.") { path, architecture, device, threads };
        command.Hidden = true;
        command.SetAction(parsed =>
        {
            using var input = Console.OpenStandardInput();
            using var output = Console.OpenStandardOutput();
            using var opened = ModelFolder.Open(parsed.GetRequiredValue(path), parsed.GetValue(architecture));
            using var torchThread = new TorchThread();
            torchThread.Run(() =>
            {
                Threads.Set(parsed.GetValue(threads));
                using var model = new EvaluatedClip(opened, Name, ComputeDevice.Open(parsed.GetRequiredValue(device)));
                EncodingWorker.Serve(model, input, output);
            });
            return ExitCodes.Ok;
        });
        return command;
    }

    /// <summary>Command line of a worker.</summary>
    public static WorkerLaunch Launch(SuiteModel model, string device, int threads) =>
        RunProgram.Launch([
            "eval",
            Name,
            model.Path,
            .. model.Architecture is { } architecture ? [ModelExportCommand.Model().Name, architecture] : Array.Empty<string>(),
            Device,
            device,
            ThreadCount,
            $"{threads}",
        ]);
}
