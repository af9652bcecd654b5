using System.CommandLine;
using ClipTrain.Trainer.Doctor;
using ClipTrain.Trainer.Telemetry;
using Spectre.Console;

namespace ClipTrain.Trainer.Cli;

/// <summary><c>cliptrain doctor</c>: every component with version and place, and the fix for what is wrong.</summary>
public static class DoctorCommand
{
    public static Command Create()
    {
        var command = new Command("doctor", "Check every component that ClipTrain needs.");
        command.SetAction(_ =>
        {
            var findings = Checkup.All().ToList();
            var table = new Table().Border(TableBorder.Simple).AddColumns("", "component", "found", "fix");
            foreach (var finding in findings)
                table.AddRow(finding.IsWell ? "[green]ok[/]" : "[red]wrong[/]", Markup.Escape(finding.Component), Markup.Escape(finding.Found), Markup.Escape(finding.Fix ?? ""));
            AnsiConsole.Write(table);
            return findings.All(finding => finding.IsWell) ? ExitCodes.Ok : ExitCodes.MissingComponent;
        });
        return command;
    }
}
