//! Each preset against a stand-in for its vendor, written from the vendor's page: what is sent, and what its answers lead to.

mod agendor;
mod automation;
mod bitrix24;
pub mod crm;
mod discord;
mod files;
mod google_chat;
mod hubspot;
mod kommo;
pub mod leads;
mod ops;
mod own;
mod pipedrive;
mod ploomes;
mod rd_station;
mod rd_station_crm;
mod salesforce;
mod slack;
mod sqs;
mod stage;
mod teams;
mod zoho;
