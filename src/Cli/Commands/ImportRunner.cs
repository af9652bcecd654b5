using System.Runtime.InteropServices;
using ClipTrain.Cli.Telemetry;
using ClipTrain.DataPipeline.Import;
using ClipTrain.Trainer.Config;
using Spectre.Console;

namespace ClipTrain.Cli.Commands;

/// <summary>Runs an import or export with progress, handling of Ctrl-C, a report and an exit code.</summary>
internal static class ImportRunner
{
    public static int Run(ImportOptions options, Func<ImportSource> open) =>
        Interruptible(
            "Run the same command again to continue after the last finished file.",
            cancellation =>
            {
                var source = open();
                var state = ImportView.Show(
                    "importing",
                    show =>
                        new CorpusImport(source, options).Run(
                            new DirectProgress<ImportProgress>(p => show(new ImportFigures(p.Rows, p.Failures, p.Share))),
                            cancellation
                        )
                );
                foreach (var table in ImportTables.Draw(state))
                {
                    AnsiConsole.Write(table);
                }
                // Lines, not table cells: paths are long, and users copy them.
                foreach (var failure in state.Tally.First.DistinctBy(f => f.Reason, StringComparer.Ordinal))
                {
                    Console.WriteLine($"{failure.Place}: {failure.Reason}: {failure.Detail}");
                }

                Console.WriteLine(
                    $"{Path.Combine(options.OutputDirectory, ImportReport.FileName)} contains these counts and lists the failures."
                );
                if (state.Tally.Rows > 0)
                {
                    return ExitCodes.Ok;
                }

                Console.Error.WriteLine("Nothing could be imported.");
                return ExitCodes.BadData;
            }
        );

    /// <summary>Runs work that Ctrl-C and SIGTERM cancel. I/O errors become a message and an exit code.</summary>
    /// <param name="advice">Printed after a cancellation: how to continue.</param>
    /// <param name="work">Returns the exit code.</param>
    public static int Interruptible(string advice, Func<CancellationToken, int> work)
    {
        using var stop = new CancellationTokenSource();
        var exit = ExitCodes.Interrupted;
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Stop(context, ExitCodes.Interrupted));
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Stop(context, ExitCodes.Terminated));
        try
        {
            return work(stop.Token);
        }
        catch (ImportRefusedException e)
        {
            throw new UsageException(e.Message);
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine($"Stopped. {advice}");
            return exit;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Input errors have their own exception types, so this one concerns the output.
            Console.Error.WriteLine($"Cannot write the output: {e.Message}");
            return ExitCodes.StorageFailed;
        }

        void Stop(PosixSignalContext context, int code)
        {
            context.Cancel = true;
            exit = code;
            stop.Cancel();
        }
    }

    /// <summary>Reports synchronously and in order on the working thread, unlike <see cref="Progress{T}"/>.</summary>
    internal sealed class DirectProgress<T>(Action<T> report) : IProgress<T>
    {
        public void Report(T value) => report(value);
    }
}
