using System.CommandLine;
using ClipTrain.Trainer.Worker;

namespace ClipTrain.Trainer.Cli;

/// <summary><c>cliptrain worker RUN</c>: started by the coordinator, which gives it its identity by environment variables.</summary>
public static class WorkerCommand
{
    public static Command Create()
    {
        var run = new Argument<string>("RUN");
        var step = new Option<long?>("--step");
        var command = new Command("worker", "One worker of a run; `cliptrain train` starts them.") { run, step };
        command.Hidden = true;
        command.SetAction(parsed => WorkerProgram.Run(parsed.GetRequiredValue(run), parsed.GetValue(step)));
        return command;
    }
}
