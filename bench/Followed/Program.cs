using System.CommandLine;
using System.Globalization;
using ClipTrain.Bench.Followed;
using ClipTrain.Cli.Commands;

// dotnet run -c Release --project bench/Followed [-- STEPS [PAGES [WORKERS]]]
// Memory of a coordinator over a long run whose page is open. The coordinator is the program's own, with ledger, metrics, TensorBoard,
// alerts, page and standby; its workers are simulated here: they send heartbeats with records, and checkpoints are not written.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
switch (args)
{
    case ["serve", var runFile]:
        return await Served.RunAsync(runFile);
    case ["standby", ..]:
        return await new RootCommand { CoordinatorCommand.CreateStandby() }
            .Parse(args)
            .InvokeAsync();
    default:
        int Given(int place, int otherwise) => args.Length > place ? int.Parse(args[place]) : otherwise;
        await FollowedRun.MeasureAsync(Given(0, 100_000), Given(1, 3), Given(2, 2), Console.Out);
        return 0;
}
