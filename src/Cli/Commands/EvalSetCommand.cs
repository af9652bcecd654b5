using System.CommandLine;
using ClipTrain.Cli.Evaluation;
using ClipTrain.Cli.Evaluation.Pools;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Evaluation.Suites;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Interop;
using ClipTrain.Weights.Tensors;
using Spectre.Console;

namespace ClipTrain.Cli.Commands;

/// <summary><c>eval set JOB</c>: a process that measures a set on a node of a pool.</summary>
internal static class EvalSetCommand
{
    public static Command Create()
    {
        var path = new Argument<string>("JOB");
        var command = new Command(SetJob.Command, "Measure a set for an evaluation on a pool.") { path };
        command.Hidden = true;
        command.SetAction(parsed => Run(parsed.GetRequiredValue(path)));
        return command;
    }

    private static int Run(string path)
    {
        using var parent = ParentWatch.Start();
        using var log = LogSetup.Create(AnsiConsole.Console);
        var job = SetJob.Read(path);
        using var opened = ModelFolder.Open(job.Model, job.Architecture);
        if (WeightHash.Of(opened.Weights) != job.Weights)
        {
            throw new UsageException(
                $"{job.Model} has other weights than when the evaluation began: evaluate one checkpoint of the run, which does not change."
            );
        }

        var result = SuiteEvaluation.Run(
            new SuiteModel(opened, job.Model, job.Architecture),
            job.Suite,
            new SuiteScope { Tasks = job.Tasks },
            new EncodingPlan(job.Encoding.Workers, job.Encoding.Device, EvalWorkerCommand.Launch),
            log
        );
        SetResultFile.Write(SetJob.ResultOf(path), result.Sets);
        return ExitCodes.Ok;
    }
}
