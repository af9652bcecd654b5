using System.CommandLine;

namespace ClipTrain.Cli.Commands;

/// <summary>The program's commands.</summary>
public static class CommandTree
{
    public static RootCommand Create() =>
        new("Pretrain contrastive image-text models (CLIP).")
        {
            QuickstartCommand.Create(),
            TrainCommand.Create(),
            ResumeCommand.Create(),
            EvalCommand.Create(),
            ModelExportCommand.Create(),
            EmbedCommand.Create(),
            DataCommand.Create(),
            BenchCommand.Create(),
            TokenizerCommand.Create(),
            ModelCommand.Create(),
            SweepCommand.Create(),
            ScalingCommand.Create(),
            DoctorCommand.Create(),
            WatchCommand.Create(),
            WatchCommand.CreateReport(),
            RunCommands.CreateStatus(),
            RunCommands.CreateStop(),
            RunCommands.CreateCheckpoint(),
            CoordinatorCommand.Create(),
            CoordinatorCommand.CreateStandby(),
            NodeCommand.Create(),
            PoolCommand.Create(),
            WorkerCommand.Create(),
            DocsCommand.Create(),
        };
}
