using System.CommandLine;
using ClipTrain.Cli.Doctor;
using ClipTrain.Cli.Telemetry;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain doctor</c>: every component with version and place, and the fix for what is wrong.</summary>
public static class DoctorCommand
{
    public static Command Create()
    {
        var command = new Command("doctor", "Check every component that ClipTrain needs.");
        command.SetAction(_ =>
        {
            var findings = Checkup.All().ToList();
            foreach (var finding in findings)
            {
                Console.WriteLine($"{(finding.IsWell ? "ok   " : "WRONG")} {finding.Component, -16} {finding.Found}");
                if (finding.Fix is { } fix)
                    Console.WriteLine($"      {"", -16} fix: {fix}");
            }

            return findings.All(finding => finding.IsWell) ? ExitCodes.Ok : ExitCodes.MissingComponent;
        });
        return command;
    }
}
