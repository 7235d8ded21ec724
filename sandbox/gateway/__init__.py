# Copyright: (c) 2026, maas_billing.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in gateway: serves Gateways and HTTPRoutes of class istio on loopback addresses.

It knows the API server and nothing else, and does what ``/routes`` on its admin port says. It stands for Istio and
Envoy in a narrow sense: routing of HTTP/1.1 as the Gateway API defines it. What Kuadrant adds to that is in
``sandbox.kuadrant``.
"""
